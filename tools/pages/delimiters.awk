# Behind pandoc, which lets every bracket of a formula grow: only those grow that hold something tall. And
# varsigma is no operator, which would be set apart.

BEGIN { RS = "\001" }

{
  text = $0
  gsub(/<mo>ς<\/mo>/, "<mi>ς</mi>", text)
  count = split(text, part, /<mo stretchy="true" form="/)
  depth = 0
  for (i = 2; i <= count; ++i) {
    grows[i] = 1
    if (part[i] ~ /^prefix/) { open[++depth] = i; continue }
    if (part[i] !~ /^postfix/ || depth == 0) continue
    tall = 0
    for (k = open[depth]; k < i; ++k) {
      if (part[k] ~ /<(mfrac|munder|munderover|mtable|mtr)[ >]/) tall = 1
    }
    if (!tall) grows[i] = grows[open[depth]] = 0
    --depth
  }
  printf "%s", part[1]
  for (i = 2; i <= count; ++i) printf "<mo stretchy=\"%s\" form=\"%s", grows[i] ? "true" : "false", part[i]
}
