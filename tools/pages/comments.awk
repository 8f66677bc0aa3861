# Our comments as Doxygen wants them. A block of // lines directly above a declaration becomes ///, that at the head of the
# file describes the file, and one behind a member becomes ///<. Lines that are set in further are shown as they stand.

# What Doxygen would take for a command, a tag, a link or the end of a list.
function escaped(text) {
  gsub(/[@\\#<>]/, "\\\\&", text)
  gsub(/ \.\. /, " ... ", text)
  sub(/ \.\.$/, " ...", text)
  gsub(/ (eq|al)\. /, "&\\ ", text)  # no end of a sentence
  gsub(/\. \\ /, ".\\ ", text)
  return text
}

# The lines so far, as documentation if `marker` is not empty.
function put_block(marker, i, text, set_in) {
  set_in = 0
  for (i = 1; i <= lines; ++i) {
    if (marker == "") { print block[i]; continue }
    text = block[i]
    sub(/^ *\/\/ ?/, "", text)
    if (text ~ /^ +[^ ]/ && !set_in) { print marker "\n" marker " @code{.txt}"; set_in = 1 }
    if (text !~ /^ / && set_in) { print marker " @endcode"; set_in = 0 }
    print marker " " (set_in ? text : escaped(text))
  }
  if (set_in) print marker " @endcode"
  lines = 0
}

# a comment line that goes on with one behind a member stands in the same column
/^ *\/\// && behind > 0 && index($0, "//") == behind {
  print substr($0, 1, behind - 1) "///<" escaped(substr($0, behind + 2))
  next
}

/^ *\/\// { block[++lines] = $0; behind = 0; next }

{
  if (lines > 0 && !head_seen) {
    print "/// @file\n///"
    put_block("///")
  } else if (lines > 0) {
    put_block($0 ~ /^ *$/ || $0 ~ /^ *[})#]/ || $0 ~ /^ *(private|public):/ ? "" : "///")
  }
  head_seen = 1
  behind = 0
  at = index($0, " // ") + 1
  if (at > 1 && $0 !~ /^ *(namespace|#|})/) {
    behind = at
    print substr($0, 1, at - 1) "///<" escaped(substr($0, at + 2))
  } else {
    print
  }
}

END { put_block("") }
