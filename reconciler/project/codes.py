"""The codes of what can be wrong with a project and its manifests, in one table. A code never changes its meaning.

`strictyaml` has WS101 to WS109, WS140 and WS141, templates have WS150 to WS169: their tables stand there.
"""

from __future__ import annotations

from typing import Final

# wsync.yaml, and what is chosen from it
SETTING_UNKNOWN: Final = "WS011"  # a key that does not belong there
SETTING_MISSING: Final = "WS012"  # a key that must be there
SETTING_WRONG: Final = "WS013"  # a value of the wrong form
TARGET_UNKNOWN: Final = "WS014"  # no such target, or none chosen
VARIABLE_WRONG: Final = (
    "WS015"  # an override of a variable that is not declared, or with a value that cannot be shown
)
WORKSPACE_DIFFERS: Final = "WS016"  # the environment vouches for another workspace

# one field
MISSING: Final = "WS110"  # required, and not there
UNKNOWN: Final = "WS111"  # no field of this kind
NO_CHOICE: Final = "WS112"  # none of the words that may stand there
WRONG_SHAPE: Final = "WS113"  # a mapping or list where text belongs, or the reverse
WRONG_FORM: Final = "WS114"  # text of the wrong form: timestamp, duration, number, id
EMPTY: Final = "WS115"  # nothing where something must stand
NOT_A_REFERENCE: Final = "WS116"  # a secret that is empty or in plain text
SECRET_MISPLACED: Final = "WS117"  # a secret in a field that is not write-only
CONDITION: Final = "WS118"  # does not go with the value of a sibling
USELESS: Final = "WS119"  # warning: has no effect beside the value of a sibling
NOT_KNOWN: Final = "WS120"  # warning: none of the values that are known
PROVIDER_UNKNOWN: Final = "WS121"  # warning: a secret of a provider that does not come with wsync
SECRET_SHARED: Final = "WS122"  # warning: one secret, sent to different places

# one document
NO_MANIFEST: Final = "WS125"  # not a mapping
KIND: Final = "WS126"  # `kind` is missing or unknown
LIFECYCLE: Final = "WS127"  # `lifecycle` is wrong
TARGETS: Final = "WS128"  # `targets` is wrong
TEMPLATE_MISPLACED: Final = "WS129"  # a template where none is rendered

# files
UNREADABLE: Final = "WS130"  # missing, forbidden, or changed while it was read
NOT_REGULAR: Final = "WS131"  # a pipe, a device, a folder …
LINK: Final = "WS132"  # a symbolic link, to a file or a folder
HARD_LINK: Final = "WS133"  # warning: the file has other names
LFS_POINTER: Final = "WS134"  # what Git LFS left in place of the file
TOO_LARGE: Final = "WS135"  # one file, or all together
INCLUDE: Final = "WS136"  # a path that `file()` may not take
NOTHING: Final = "WS137"  # no manifest anywhere
FILE_NAME: Final = "WS138"  # a name that cannot be shown
NESTED: Final = "WS139"  # a project inside of another

# addresses and references
DUPLICATE: Final = "WS142"  # one address, declared twice
NEARLY_DUPLICATE: Final = "WS143"  # two addresses that differ only in case
DANGLING: Final = "WS144"  # refers to what is declared nowhere
OTHER_TARGET: Final = "WS145"  # refers to what is declared for other targets only
