#!/usr/bin/env bash
# Run mkdocs in its own environment: scripts/docs.sh build, or serve to read while writing.
. "$(dirname -- "$0")/common.sh"

# The theme's note about a next version of mkdocs, which pyproject.toml leaves out.
export NO_MKDOCS_2_WARNING=1
unset PYTHONPATH PYTHONHOME
command=$1
shift
[ "$command" = build ] && set -- --strict "$@"
exec .venv-docs/bin/mkdocs "$command" "$@"
