# For a type checker on a host both modules are one: they have the same classes.
from protocol.ccm_host import Channel as Channel
from protocol.ccm_host import Workspace as Workspace
