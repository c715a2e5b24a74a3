"""What can be wrong with a photo."""

from __future__ import annotations

from makegood.kernel.errors import Misconfigured, Rejected


class PhotoUnreadable(Rejected):
    """The file is not a picture of a format that is printed here. `what` says what it is instead."""

    code = "PHOTO_UNREADABLE"
    customer = (
        "This file is {what}, so we can't print it as a photo. "
        "Please choose a JPEG, PNG, HEIC, WebP, AVIF, TIFF, GIF or BMP picture."
    )
    operator = "The upload {file_name!r} is {what}, not a photo."


class PhotoDamaged(Rejected):
    """The file begins as a picture but can't be read to its end."""

    code = "PHOTO_DAMAGED"
    customer = (
        "This {format} picture is damaged or incomplete. Please upload it again, "
        "or open it on your device, save it as a JPEG and upload that."
    )
    operator = "The {format} upload {file_name!r} can't be decoded: {reason}"


class PhotoTooManyPixels(Rejected):
    """The header announces more pixels than are decoded here."""

    code = "PHOTO_TOO_MANY_PIXELS"
    customer = (
        "This picture has more than {limit_megapixels} megapixels, which is more than we can open. "
        "Please save it in a smaller size, for example 6000 pixels wide, and upload it again."
    )
    operator = "The upload {file_name!r} announces {announced}; the limit is {limit_megapixels} megapixels."


class PhotoTooSmall(Rejected):
    """Too few pixels for any print."""

    code = "PHOTO_TOO_SMALL"
    customer = (
        "This picture is only {width} × {height} pixels, too small to print well. "
        "Please choose one that is at least {minimum} pixels on its shorter side; the original from the camera is best."
    )
    operator = "The upload {file_name!r} is {width} × {height} pixels; its shorter side needs {minimum}."


class DetectorMissing(Misconfigured):
    """The weights of the face detector are absent, or are not the pinned ones."""

    code = "FACE_DETECTOR_MISSING"
    operator = "The face detector can't work: {problem}. {mend}"
