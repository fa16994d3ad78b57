"""What can go wrong in the emulated street; one leaf for each reaction."""


class StreetError(Exception):
    """Root of all errors raised by `hil`."""


class NotAvailable(StreetError):
    """Something this platform lacks (the message says how to get it); tests may skip on it."""


class PlanError(StreetError):
    """A site file does not describe a street that can be built; names file and key."""


class StagingError(StreetError):
    """The firmware does not compile for the emulated controllers."""


class ConditionTimeout(StreetError):
    """A condition that was awaited did not come true in time; carries the controllers' logs."""
