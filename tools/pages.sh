#!/usr/bin/env bash
# Builds the documentation as pages to be read offline: build/pages/index.html. Installs what it needs.
#
# Every page of docs/ and the README become HTML with MathML, beside them stands the reference of the public headers. Ends
# with an error if a formula cannot be shown, or a link leads nowhere.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh
pages=$root/build/pages
needs=$root/tools/pages

install_tools() { install_packages pandoc doxygen --; }
if ! command -v pandoc > /dev/null || ! command -v doxygen > /dev/null; then
  step pages-tools "pandoc and doxygen" install_tools
fi

list_documents() { find README.md CONTRIBUTING.md CHANGELOG.md docs -name '*.md' | LC_ALL=C sort; }

# What a reader of Markdown would take for emphasis, an escape or a list in the middle of a formula, and what GitHub forbids.
check_formulas() {
  local documents=(docs/derivations.md docs/derivations/*.md docs/mistakes.md)
  if grep -nE '[])}|]_|\\[,;:!{}|]|\\(operatorname|mbox|phantom)' "${documents[@]}"; then return 1; fi
  awk '/^\$\$$/ { inside = !inside }
    inside && /^([-+*>#] |[0-9]+[.)] )/ { print FILENAME ":" FNR ": " $0; bad = 1 }
    END { exit bad + inside }' "${documents[@]}"
}

title_of() { sed -n 's/^# //p' "$1" | head -n 1; }

# page DOCUMENT TARGET OPTION...: DOCUMENT as HTML.
page() {
  local document=$1 target=$2 up=""
  shift 2
  case "$document" in
    docs/*/*) up=../../ ;;
    docs/*) up=../ ;;
  esac
  mkdir -p "$(dirname "$target")"
  pandoc --from gfm+tex_math_dollars --to html5 --mathml --fail-if-warnings --standalone "$@" \
    --template "$needs/template.html" --lua-filter "$needs/links.lua" --metadata "pagetitle=$(title_of "$document")" \
    --variable "up=$up" "$document" | awk -f "$needs/delimiters.awk" > "$target"
}

# The contents, in the order of reading; what is not named here comes last.
contents() {
  local order="README.md CONTRIBUTING.md docs/quickstart.md docs/training.md docs/notation.md docs/derivations.md
    docs/derivations/process.md docs/derivations/bound.md docs/derivations/training.md docs/derivations/sampling.md
    docs/derivations/flow.md docs/mistakes.md docs/equations.md docs/architecture.md"
  local document
  echo "# Contents"
  echo
  for document in $order $(list_documents); do
    [ -e "$document" ] || continue
    case "$listed" in *" $document "*) continue ;; esac
    listed="$listed$document "
    echo "- [$(title_of "$document")]($document)"
  done
  echo "- [Reference of the public headers](reference/index.html)"
}

build_pages() {
  rm -rf "$pages"
  mkdir -p "$pages/docs"
  cp "$needs/style.css" "$pages/"
  cp -r docs/images "$pages/docs/"
  local document file listed=" "
  cp LICENSE NOTICE "$pages/"  # the README links to them
  list_documents | while read -r document; do page "$document" "$pages/${document%.md}.html" --toc --toc-depth 2; done
  contents > "$pages/index.md"
  page "$pages/index.md" "$pages/index.html"
  rm "$pages/index.md"
  # sources that a page links to
  grep -oE '\]\([a-z_/.]+\.(cc|h|txt|sh)\)' README.md CONTRIBUTING.md | sed 's/.*](//; s/)$//' | sort -u |
    while read -r file; do mkdir -p "$pages/$(dirname "$file")" && cp "$file" "$pages/$file"; done
}

build_reference() {
  local headers
  headers=$(find ddpm -name '*.h' ! -name '*_internal.h' ! -name complaint.h ! -name faulty_files.h ! -name known_number.h | LC_ALL=C sort | tr '\n' ' ')
  { cat "$needs/Doxyfile"; echo "INPUT = $headers"; } | doxygen -
}

# Every link of our pages to a file must find it, and the place in it.
check_links() {
  local file link target place dead=0 checked=0
  while read -r file; do
    while read -r link; do
      case "$link" in http:* | https:* | mailto:*) continue ;; esac
      checked=$((checked + 1))
      target=${link%%#*}
      place=""
      case "$link" in *'#'*) place=${link#*#} ;; esac
      if [ -z "$target" ]; then target=$file; else target=$(dirname "$file")/$target; fi
      if [ ! -f "$target" ]; then
        echo "${file#"$pages"/}: $link is not there"
        dead=$((dead + 1))
      elif [ -n "$place" ] && ! grep -qF "id=\"$place\"" "$target"; then
        echo "${file#"$pages"/}: $link: no such place in the page"
        dead=$((dead + 1))
      fi
    done < <(grep -oE '(href|src)="[^"]*"' "$file" | sed 's/^[a-z]*="//; s/"$//' | sort -u)
  done < <(find "$pages" -name '*.html' ! -path '*/reference/*')
  # a dollar is a formula that was not read as one
  if grep -nF '$' "$pages"/docs/derivations*.html "$pages"/docs/derivations/*.html "$pages"/docs/mistakes.html; then return 1; fi
  echo "$checked links, $dead dead"
  [ "$checked" -gt 0 ] && [ "$dead" -eq 0 ]
}

step pages-formulas "formulas" check_formulas
step pages "pages" build_pages
step reference "reference" build_reference
step pages-links "links of the pages" check_links
echo "$pages/index.html"
