"""What MkDocs calls: pages that are kept outside of docs, and the links that cross its border.

Links in the Markdown files lead from file to file, as a reader of the repository needs them.
The site has other places for some of these files; its links are changed to fit while it is built.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "LICENSE": "license.md",
    "CITATION.cff": "citation.md",
}
"""Files at the top of the repository, and the pages of the site that are made of them."""
_HOMES = {page: source for source, page in PAGES.items()}
_LINK = re.compile(r"(\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are kept at the top of the repository."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        if not source.endswith(".md"):
            text = f"# {source}\n\n```text\n{text}```\n"
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links between files lead to the pages that they have become."""
    here = page.file.src_uri

    def changed(match: re.Match[str]) -> str:
        return match[1] + target_in_site(here, match[2]) + match[3]

    return _LINK.sub(changed, markdown)


def target_in_site(here: str, target: str) -> str:
    """Where a link of a page leads to in the site, relative to that page."""
    home = _HOMES.get(here, f"docs/{here}")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(home), target))
    page = PAGES.get(path, path.removeprefix("docs/"))
    return posixpath.relpath(page, posixpath.dirname(here) or ".")
