"""A project: its folder, its `wsync.yaml` and the targets named there.

Laws: everything in the folder is untrusted, for a pull request may change all of it; whatever decides where credentials
go can be vetoed from the environment and from nowhere else.
"""

from reconciler.project.config import find_project, load_project
from reconciler.project.files import PROJECT_FILE
from reconciler.project.targets import Project, Target, check_workspace, pick_target, with_overrides

__all__ = [
    "PROJECT_FILE",
    "Project",
    "Target",
    "check_workspace",
    "find_project",
    "load_project",
    "pick_target",
    "with_overrides",
]
