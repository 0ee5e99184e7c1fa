"""Strict YAML: bytes in, plain data out, in which every scalar is still the text a person wrote.

Laws: no input makes it raise or die, nothing ambiguous is guessed at, and no value is ever shown. The only import of
PyYAML is below this package, and only when something is read.

| code  | what it says                                                              |
|-------|---------------------------------------------------------------------------|
| WS101 | not YAML: a syntax error; the rest of the file is not read                |
| WS102 | a key stands twice in one mapping                                         |
| WS103 | not UTF-8 text, or a control, bidirectional or invisible character        |
| WS105 | too large: bytes, nesting, or nodes after aliases are expanded            |
| WS106 | a tag (`!…`) or a directive (`%…`)                                        |
| WS107 | an anchor, alias or merge key that is undefined, recursive or not allowed |
| WS108 | a key that is not text                                                    |
| WS109 | a tab outside quotes, block texts and comments                            |
| WS140 | a template that is not in quotes                                          |
| WS141 | warning: a file or document with nothing in it                            |
"""

from reconciler.strictyaml.documents import Document, read_documents
from reconciler.strictyaml.places import Place, excerpt, locate
from reconciler.strictyaml.text import MAX_BYTES, decode, unseen

__all__ = ["MAX_BYTES", "Document", "Place", "decode", "excerpt", "locate", "read_documents", "unseen"]
