"""What can be wrong with a recording or with the clip that is cut from it."""

from __future__ import annotations

from makegood.kernel.errors import MakegoodError, Rejected


class SoundUnreadable(Rejected):
    """The file is not a recording of a kind that we read. Facts: `file_name`, `reason`."""

    code = "SOUND_UNREADABLE"
    customer = (
        "We could not read “{file_name}” as a recording. Please send an MP3, M4A, WAV, FLAC, OGG, WebM, AMR, AIFF or "
        "WMA file, or record it here in the browser."
    )
    operator = "{file_name} is not a sound that can be read: {reason}"


class SoundAbsent(Rejected):
    """The file is a video, or an otherwise readable container, that has no sound in it. Facts: `file_name`."""

    code = "SOUND_ABSENT"
    customer = "There is no sound in “{file_name}”. Please send a recording, or a video that has sound."
    operator = "{file_name} has no audio stream"


class SoundEmpty(Rejected):
    """A recording of no length. Facts: `file_name`."""

    code = "SOUND_EMPTY"
    customer = "“{file_name}” is empty: it is 0 seconds long. Please record or choose another one."
    operator = "{file_name} contains no samples"


class SoundSilent(Rejected):
    """A recording in which nothing can be heard. Facts: `file_name`, `duration_seconds`."""

    code = "SOUND_SILENT"
    customer = "We can hear nothing in “{file_name}”. Was the microphone switched off? Please try another recording."
    operator = "{file_name} is silent throughout its {duration_seconds:.2f} s"


class SoundTooShort(Rejected):
    """A recording shorter than the shortest clip. Facts: `file_name`, `duration_seconds`, `shortest_seconds`."""

    code = "SOUND_TOO_SHORT"
    customer = "“{file_name}” is only {duration_seconds:.2f} seconds long; we need at least {shortest_seconds:g}."
    operator = "{file_name} lasts {duration_seconds:.3f} s, less than {shortest_seconds:g} s"


class SoundTooLong(Rejected):
    """A recording longer than anything we decode. Facts: `file_name`, `longest_hours`."""

    code = "SOUND_TOO_LONG"
    customer = "“{file_name}” is longer than {longest_hours:g} hours. Please cut out the part you love and send that."
    operator = "{file_name} lasts longer than {longest_hours:g} h; decoding was stopped there"


class SoundTruncated(Rejected):
    """A recording that was cut off so early, or damaged so much, that nothing of use is left. Facts: `file_name`,
    `reason`."""

    code = "SOUND_TRUNCATED"
    customer = "“{file_name}” is incomplete, and nothing in it can be played. Please send the file once more."
    operator = "{file_name} is cut off or damaged: {reason}"


class ClipOutOfRange(Rejected):
    """The clip does not lie within the recording. Facts: `start`, `end`, `duration_seconds`."""

    code = "CLIP_OUT_OF_RANGE"
    customer = "The clip has to lie within the recording, which is {duration_seconds:.2f} seconds long."
    operator = "The clip {start} s to {end} s does not lie within {duration_seconds:.3f} s"


class ClipTooShort(Rejected):
    """The clip is too short to be worth a poster. Facts: `seconds`, `shortest_seconds`."""

    code = "CLIP_TOO_SHORT"
    customer = "The clip is {seconds:.2f} seconds long; please make it at least {shortest_seconds:g}."
    operator = "The clip lasts {seconds:.3f} s, less than {shortest_seconds:g} s"


class ClipTooLong(Rejected):
    """The clip is longer than a poster plays. Facts: `seconds`, `longest_seconds`."""

    code = "CLIP_TOO_LONG"
    customer = "The clip is {seconds:.0f} seconds long; please trim it to {longest_seconds:g} at most."
    operator = "The clip lasts {seconds:.3f} s, more than {longest_seconds:g} s"


class ClipNotAsPromised(MakegoodError):
    """A clip that was made does not hold what it should; making it again may help. Facts: `reason`."""

    code = "CLIP_NOT_AS_PROMISED"
    operator = "The clip of a poster was made wrongly: {reason}"
    can_heal = True


class PeaksDamaged(MakegoodError):
    """Stored peaks can't be read back; they can be made again from the recording. Facts: `reason`."""

    code = "PEAKS_DAMAGED"
    operator = "The stored peaks of a recording are damaged: {reason}"
    can_heal = True
