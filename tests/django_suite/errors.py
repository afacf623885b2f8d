"""What ends a run of the suite before there is anything to compare.

SuiteError
├── SourceMissing
├── RunBroken
├── MalformedExcuses
└── NoSuchServer
"""


class SuiteError(Exception):
    """The suite could not be run or compared."""


class SourceMissing(SuiteError):
    """Django's source distribution is neither cached nor to be had."""


class RunBroken(SuiteError):
    """A run ended, or hung, without telling its results."""


class MalformedExcuses(SuiteError):
    """excused.toml does not say what it must."""


class NoSuchServer(SuiteError):
    """This machine has no PostgreSQL of the kind asked for."""
