"""Text files and YAML with the line of every field, each flaw a problem with file and line."""

from pathlib import Path as FilePath
from typing import Any, cast

import yaml
from django.utils.translation import gettext as _

from content.importers.drafts import Problem, Where
from content.validation import Path

MAX_BYTES = 512 * 1024
_MAX_DEPTH = 20


class Unreadable(ValueError):
    """A file, or YAML in it, that cannot be read at all."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def read_text(path: FilePath, name: str) -> str:
    """Return a UTF-8 file with plain newlines. Raises Unreadable, its file being `name`."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Unreadable(Problem(name, None, _("is larger than %s kB") % (MAX_BYTES // 1024)))
        data = path.read_bytes()
    except OSError as error:
        message = _("cannot be read: %s") % (error.strerror or error)
        raise Unreadable(Problem(name, None, message)) from error
    if (nul := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, nul) + 1
        raise Unreadable(Problem(name, line, _("contains a NUL character")))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(Problem(name, line, _("is not UTF-8"))) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parse_yaml(text: str, name: str, *, line_offset: int = 0) -> tuple[Any, Where]:
    """Return YAML as dicts, lists and strings, with where each field was written.

    Every scalar stays the string that was written, so that `No` is no boolean and `3.50` keeps its zero: the
    schema of a field decides what it means. A key without a value (or `null`) is as good as absent. Refused:
    aliases (a few lines of them can name billions of fields) and a key that occurs twice.
    Raises Unreadable.
    """
    lines: dict[Path, int] = {}
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
        data = _build(node, (), lines, name, line_offset) if node is not None else {}
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = (mark.line if mark else 0) + 1 + line_offset
        message = _("is not valid YAML: %s") % (error.problem or error.context)
        raise Unreadable(Problem(name, line, message)) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1 + line_offset
        message = _("contains a control character that YAML does not allow")
        raise Unreadable(Problem(name, line, message)) from error
    except RecursionError as error:
        raise Unreadable(Problem(name, None, _("is nested too deeply"))) from error
    return data, Where(name, lines, 1 + line_offset)


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = cast(Any, self).peek_event()
            raise yaml.composer.ComposerError(
                None, None, _("aliases are not allowed"), event.start_mark
            )
        return super().compose_node(parent, index)


def _build(node: yaml.Node, path: Path, lines: dict[Path, int], name: str, offset: int) -> Any:
    line = node.start_mark.line + 1 + offset
    # A field's line is that of its key, which the mapping has noted before.
    lines.setdefault(path, line)
    if len(path) > _MAX_DEPTH:
        raise RecursionError
    if isinstance(node, yaml.ScalarNode):
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return [
            _build(child, (*path, index), lines, name, offset)
            for index, child in enumerate(node.value)
        ]
    fields: dict[str, Any] = {}
    seen: set[str] = set()
    for key, value in node.value:
        key_line = key.start_mark.line + 1 + offset
        if not isinstance(key, yaml.ScalarNode):
            raise Unreadable(Problem(name, key_line, _("has a field whose name is not text")))
        if key.value in seen:
            raise Unreadable(Problem(name, key_line, _("%s occurs twice") % key.value))
        seen.add(key.value)
        lines[(*path, key.value)] = key_line
        if not _is_null(value):
            fields[key.value] = _build(value, (*path, key.value), lines, name, offset)
    return fields


def _is_null(node: yaml.Node) -> bool:
    return (
        isinstance(node, yaml.ScalarNode) and node.style is None and node.value in {"", "~", "null"}
    )
