"""Templates: each text of a manifest may be one, in the part of Jinja's language that cannot do harm.

Laws: Jinja parses and never renders; what the allow-lists of `syntax` (tokens) and `meaning` (nodes) do not name is
refused before anything runs; a value that was put in is never looked at again; no message holds the value of a
variable. Below this package is the only import of jinja2, for tags that are more than a plain variable, file or secret.

    {{ var.NAME }}  {{ secret('NAME') }}  {{ secret('scheme:path#key') }}  {{ file('path.sql') }}
    {{ 'text' ~ var.NAME }}  {{ var.NAME | default('x') | lower | upper | trim | replace('a', 'b') | tojson }}
    {{ 'a' if var.X == 'b' else 'c' }}  {% if CONDITION %} … {% elif CONDITION %} … {% else %} … {% endif %}

Everything is text. A condition compares texts with `==`, `!=`, `in`, `not in` (a part of), joins with `and`, `or`,
`not`, or asks `var.NAME is defined`; a text alone is false when it is empty or `false` in any case. `3` and `true` may
stand in a comparison and are the texts "3" and "true" (in any case).

| code  | what it says                                                                        |
|-------|-------------------------------------------------------------------------------------|
| WS150 | not a template: a tag or an `if` that is not closed, an expression that breaks off   |
| WS151 | not in the language: loops, arithmetic, comments, attributes, unknown functions …    |
| WS152 | a variable that is not declared                                                     |
| WS153 | a secret that does not stand alone: in a text, filter, comparison or included file   |
| WS154 | a reference to a secret that is malformed or not allowed                            |
| WS155 | too large: a tag, its nesting, or the text that comes out                           |
| WS156 | `file()` inside an included file                                                    |
"""

from reconciler.manifest.template.evaluating import evaluate, is_template
from reconciler.manifest.template.values import Context, TemplateError

__all__ = ["Context", "TemplateError", "evaluate", "is_template"]
