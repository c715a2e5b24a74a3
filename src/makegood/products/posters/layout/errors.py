"""What can be wrong with a poster that was asked for, or with one that was made."""

from __future__ import annotations

from makegood.kernel.errors import MakegoodError, Misconfigured, Rejected


class OptionNotForTemplate(Rejected):
    """A template was asked for something that it does not offer. Facts: option, value, template, offered."""

    code = "OPTION_NOT_FOR_TEMPLATE"
    customer = "The template “{template}” does not offer {option} “{value}”. It offers: {offered}."
    operator = "Option {option}={value} is not offered by template {template} (offered: {offered})."


class TemplateUnknown(Rejected):
    """A template was asked for that has never been here. Facts: template, known."""

    code = "TEMPLATE_UNKNOWN"
    customer = "There is no template “{template}”. There are: {known}."
    operator = "Template {template} was asked for; known are {known}."


class ColoursTooClose(Rejected):
    """The wave could not be told from the page. Facts: accent, background."""

    code = "COLOURS_TOO_CLOSE"
    customer = "The colour {accent} can hardly be seen on {background}. Please choose another one."
    operator = "Accent {accent} has too little contrast on background {background}."


class TextNotPrintable(Rejected):
    """No font has these characters, so they would print as empty boxes. Facts: field, characters."""

    code = "TEXT_NOT_PRINTABLE"
    customer = "We have no letters for “{characters}” in the {field}. Please write it without them."
    operator = "Field {field} has characters without a glyph in any font: {characters}."


class TextTooLong(Rejected):
    """The text does not fit its place even at the smallest size that still reads well. Facts: field."""

    code = "TEXT_TOO_LONG"
    customer = "The {field} is too long for this template. Please shorten it a little."
    operator = "Field {field} does not fit its box at the smallest allowed size."


class LinkTooLong(Rejected):
    """The QR code of this address would be too fine to scan. Facts: length, module_mm."""

    code = "LINK_TOO_LONG"
    customer = "The address behind the QR code is too long to print."
    operator = "An address of {length} characters gives QR modules of {module_mm:.2f} mm; use a shorter public URL."


class TemplateMissing(Misconfigured):
    """A template file is not on the disk. Facts: file, mend."""

    code = "TEMPLATE_MISSING"
    operator = "Poster template {file} is missing. {mend}"


class TemplateBroken(Misconfigured):
    """A template file can't be read as one. Facts: file, problem."""

    code = "TEMPLATE_BROKEN"
    operator = "Poster template {file} can't be used: {problem}"


class FontMissing(Misconfigured):
    """A font that posters need is not on the disk. Facts: file, mend."""

    code = "FONT_MISSING"
    operator = "Poster font {file} is missing. {mend}"


class LayoutError(MakegoodError):
    """The typesetter refused a poster for a reason that is not the customer's. Facts: problem."""

    code = "LAYOUT_FAILED"
    operator = "The poster could not be typeset: {problem}"


class PreflightError(MakegoodError):
    """A finished PDF is not fit to be handed over. Facts: problem. Its subclasses say what is wrong."""

    code = "PREFLIGHT_FAILED"
    operator = "Preflight: {problem}"


class PageError(PreflightError):
    """The number of pages or a page box is not what was ordered."""

    code = "PREFLIGHT_PAGE"


class FontEmbeddingError(PreflightError):
    """A font is only named in the PDF, so another machine would print other letters."""

    code = "PREFLIGHT_FONT"


class ArchivalError(PreflightError):
    """The marks of PDF/A-2b are missing, or the PDF contains what it forbids."""

    code = "PREFLIGHT_PDFA"


class ImageError(PreflightError):
    """The photo is missing from the PDF or was not carried over."""

    code = "PREFLIGHT_IMAGE"


class WatermarkError(PreflightError):
    """The PDF that was paid for carries a preview's mark."""

    code = "PREFLIGHT_WATERMARK"


class CodeError(PreflightError):
    """The QR code on the page can't be read, or leads elsewhere."""

    code = "PREFLIGHT_QR"
