"""What mkdocs asks while it builds the site: the pages beside docs/, the order of all pages, and links between them.

README.md and CHANGELOG.md lie above docs/ and link `docs/x.md`; pages link `../README.md` and code. GitHub shows them
as they are. Here they become pages of the site, and the links follow; one to code is its text. The order is that of the
table in index.md.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pymdownx.slugs import slugify
from pymdownx.superfences import fence_code_format

ROOT = Path(__file__).parent.parent
ABOVE = {name: f"{Path(name).stem.lower()}.md" for name in ("README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE")}
ABOVE["README.md"] = "start.md"  # mkdocs takes a readme.md for an index
NOTEBOOK = "notebooks/quickstart.ipynb"
MERMAID = ROOT / "build" / "mermaid.min.js"  # put there by `make site`
LINK = re.compile(r"\[([^\]]+)\]\(([^)#\s:]+)(#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name the pages in the order of index.md; anchors as GitHub makes them; diagrams where mermaid is there."""
    rows = re.findall(
        r"^\| \[([^\]]+)\]\(([^)]+\.md)\)", (ROOT / "docs" / "index.md").read_text(encoding="utf-8"), re.M
    )
    pages = [{title[0].upper() + title[1:]: page} for title, page in rows]
    config.nav = [{"Start": ABOVE["README.md"]}, {"Overview": "index.md"}, *pages]
    config.nav += [
        {Path(name).stem.capitalize(): ABOVE[name]} for name in ABOVE if name != "README.md" and _there(name)
    ]
    config.mdx_configs["toc"] = {**config.mdx_configs.get("toc", {}), "slugify": slugify(case="lower")}
    if MERMAID.is_file():
        config.extra_javascript.append("mermaid.min.js")
        fence = {"name": "mermaid", "class": "mermaid", "format": fence_code_format}
        config.mdx_configs["pymdownx.superfences"] = {"custom_fences": [fence]}
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages above docs/, the notebook and mermaid."""
    for name in filter(_there, ABOVE):
        text = (ROOT / name).read_text(encoding="utf-8")
        page = text if name.endswith(".md") else f"# {name.capitalize()}\n\n```text\n{text}\n```\n"
        files.append(File.generated(config, ABOVE[name], content=page))
    if _there(NOTEBOOK):
        files.append(File.generated(config, NOTEBOOK, abs_src_path=str(ROOT / NOTEBOOK)))
    if MERMAID.is_file():
        files.append(File.generated(config, MERMAID.name, abs_src_path=str(MERMAID)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point the links between docs/ and what lies above at the pages of the site."""
    above = page.file.src_uri in ABOVE.values()

    def site(link: re.Match[str]) -> str:
        text, address, anchor = link[1], link[2], link[3] or ""
        target = posixpath.normpath(posixpath.join("" if above else "docs", address))
        if target.endswith(".py"):
            return text  # code is no page
        return f"[{text}]({ABOVE.get(target, target.removeprefix('docs/'))}{anchor})"

    upright = markdown.replace("\nflowchart LR\n", "\nflowchart TB\n")  # a column of text is narrower than a screen
    return LINK.sub(site, upright)


def _there(name: str) -> bool:
    return (ROOT / name).is_file()
