"""Errors that callers of the core tell apart."""


class CoreError(Exception):
    """Base of every error that the core raises on purpose."""


class BadDataError(CoreError):
    """Input that cannot be used; the message names file, line and column where there is one."""


class ArtefactError(CoreError):
    """A model version that cannot be loaded."""


class IncompatibleArtefact(ArtefactError):
    """A sound artefact of another format version, or vectors of another text encoder."""


class CorruptArtefact(ArtefactError):
    """Files are missing, cut short or altered since they were written."""


class Cancelled(CoreError):
    """Training ended early because the caller asked for it; its checkpoint stays."""
