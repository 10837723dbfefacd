"""Owns the one fault of this package, so that a caller can tell it from a programming error."""


class EmbeddedError(Exception):
    """A real part could not be fetched, started, stopped or asked; the text says why and what to do."""
