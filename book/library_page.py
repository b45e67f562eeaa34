"""The page that lists the library, module by module, read from its docstrings without importing
anything.
"""

import ast
from pathlib import Path


def first_sentence(node: ast.AST) -> str:
    """The first paragraph of a docstring as one line of Markdown."""
    text = (ast.get_docstring(node) or "").split("\n\n")[0]
    return (
        " ".join(text.split())
        .replace("`", "")
        .replace("|", "\\|")
        .replace("<", "\\<")
        .replace("*", "\\*")
        .replace("$", "\\$")
    )


def signature(node: ast.FunctionDef) -> str:
    """A function's argument names, as they are called."""
    plain = [
        arg.arg
        for arg in (*node.args.posonlyargs, *node.args.args)
        if arg.arg not in ("self", "cls")
    ]
    star = (
        [f"*{node.args.vararg.arg}"] if node.args.vararg else ["*"] if node.args.kwonlyargs else []
    )
    rest = [f"**{node.args.kwarg.arg}"] if node.args.kwarg else []
    return (
        f"{node.name}({', '.join(plain + star + [arg.arg for arg in node.args.kwonlyargs] + rest)})"
    )


def library_page(package: Path) -> str:
    """MyST text of the page: one section a module, one row a public function or class."""
    about = (
        "`corrlib`, module by module: what each offers, in one line. The docstrings, from "
        "which this page is made, say the rest"
    )
    lines = ["# The library", "", f"{about} (`help(corrlib.matching.estimators.nearest)`).", ""]
    for path in sorted(package.rglob("*.py")):
        tree = ast.parse(path.read_text())
        rows = []
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                rows.append((signature(node), first_sentence(node)))
            elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                rows.append((node.name, first_sentence(node)))
        hidden = path.stem.startswith("_") and path.stem != "__init__" or "cli" in path.parts
        if hidden or (not rows and path.parent != package and path.stem != "__init__"):
            continue
        name = ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(
            ".__init__"
        )
        lines += [f"## `{name}`", "", first_sentence(tree), ""]
        if rows:
            lines += [
                "| name | what it does |",
                "| --- | --- |",
                *(f"| `{left}` | {right} |" for left, right in rows),
                "",
            ]
    return "\n".join(lines)
