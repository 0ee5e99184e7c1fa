"""Our own keys of a manifest: what it declares (`kind`), how it is treated (`lifecycle`) and where (`targets`).

They are read before anything is rendered, so that a target need not be chosen to know them.
"""

from __future__ import annotations

from reconciler.errors import did_you_mean
from reconciler.manifest.exposure import looks_like_a_field
from reconciler.manifest.template import is_template
from reconciler.project import PROJECT_FILE, Project, codes
from reconciler.project.findings import Finding
from reconciler.resource import Resource, kinds

OWN_KEYS = ("kind", "lifecycle", "targets")

_IN_LIFECYCLE = ("protect", "ignore")


def kind(data: object, findings: list[Finding]) -> type[Resource] | None:
    if not isinstance(data, dict):
        findings.append(_no_mapping(data))
        return None
    name = data.get("kind")
    if isinstance(name, str) and (known := kinds().get(name)):
        return known
    listed = f"kinds: {', '.join(kinds())}"
    if "kind" not in data:
        like = next((k for k in data if k.casefold() == "kind" or did_you_mean(k, ("kind",))), None)
        hint = (
            f"did you mean `kind` by the key `{like}`? {listed}"
            if like and looks_like_a_field(like)
            else listed
        )
        findings.append(
            Finding(
                codes.KIND,
                "`kind` is missing: every manifest says what it declares",
                ("kind",),
                hint,
                key=True,
            )
        )
    elif isinstance(name, str) and is_template(name):
        findings.append(_own_template("kind"))
    elif name is None:
        findings.append(Finding(codes.KIND, "`kind` is empty", ("kind",), listed, key=True))
    else:
        near = did_you_mean(name, kinds()) if isinstance(name, str) else None
        hint = f"did you mean `{near}`? {listed}" if near else listed
        named = f"unknown kind `{name}`" if near and looks_like_a_field(str(name)) else "unknown kind"
        findings.append(Finding(codes.KIND, named, ("kind",), hint))
    return None


def _no_mapping(data: object) -> Finding:
    if isinstance(data, list):
        hint = "one document declares one resource: begin the next with `---`"
        return Finding(codes.NO_MANIFEST, "a list where one resource belongs", hint=hint)
    hint = "begin with `kind:`, or delete the document"
    return Finding(codes.NO_MANIFEST, "no mapping: a manifest is made of `key: value`", hint=hint)


def lifecycle(value: object, findings: list[Finding]) -> tuple[bool, tuple[str, ...]]:
    def wrong(message: str, *path: str | int, hint: str, key: bool = False) -> None:
        findings.append(Finding(codes.LIFECYCLE, message, ("lifecycle", *path), hint, key=key))

    if not isinstance(value, dict):
        hint = "write `lifecycle: {protect: true}` or `{ignore: [field.path]}`"
        wrong("`lifecycle` is a mapping", hint=hint, key=value is None)
        return False, ()
    for key in value.keys() - set(_IN_LIFECYCLE):
        near = did_you_mean(key, _IN_LIFECYCLE)
        hint = f"did you mean `{near}`?" if near else f"it holds {' and '.join(_IN_LIFECYCLE)}"
        wrong(
            "unknown key" + (f" `{key}`" if looks_like_a_field(key) else "") + " in `lifecycle`",
            key,
            hint=hint,
            key=True,
        )
    protect, ignore = value.get("protect", "false"), value.get("ignore", [])
    if protect not in ("true", "false"):
        if isinstance(protect, str) and is_template(protect):
            findings.append(_own_template("lifecycle", "protect"))
        else:
            wrong("`lifecycle.protect` is neither true nor false", "protect", hint="write true or false")
    if not isinstance(ignore, list) or not all(isinstance(path, str) for path in ignore):
        wrong(
            "`lifecycle.ignore` is a list of fields",
            "ignore",
            hint="write `ignore: [field.path]`",
        )
        ignore = []
    findings += [
        _own_template("lifecycle", "ignore", n) for n, path in enumerate(ignore) if is_template(path)
    ]
    return protect == "true", tuple(ignore)


def targets(value: object, project: Project, findings: list[Finding]) -> frozenset[str] | None:
    known = ", ".join(project.targets)
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        message = (
            "`targets` is a list of targets"
            if not isinstance(value, list) or value
            else "`targets` is an empty list"
        )
        hint = f"write `targets: [{next(iter(project.targets))}]`, or leave it out for all: {known}"
        findings.append(Finding(codes.TARGETS, message, ("targets",), hint))
        return None
    for n, name in enumerate(value):
        if is_template(name):
            findings.append(_own_template("targets", n))
        elif name not in project.targets:
            near = did_you_mean(name, project.targets)
            hint = (
                f"did you mean `{near}`? In {PROJECT_FILE}: {known}"
                if near
                else f"in {PROJECT_FILE}: {known}"
            )
            findings.append(
                Finding(
                    codes.TARGETS,
                    f"{PROJECT_FILE} has no such target",
                    ("targets", n),
                    hint,
                    show=near is not None,
                )
            )
    return frozenset(value).intersection(project.targets) or None


def _own_template(*path: str | int) -> Finding:
    message = f"a template in `{path[0]}`: it must be readable without a target"
    return Finding(codes.TEMPLATE_MISPLACED, message, path, "write the value itself")
