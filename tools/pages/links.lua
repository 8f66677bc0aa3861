-- For pandoc: pages link to pages, and formulas and tables that are wider than a screen scroll on their own.

function Link(link)
  if not link.target:match("^%a+:") then
    link.target = link.target:gsub("%.md$", ".html"):gsub("%.md#", ".html#")
  end
  return link
end

local function in_box(block)
  return pandoc.Div({block}, pandoc.Attr("", {"wide"}))
end

function Para(para)
  for _, inline in ipairs(para.content) do
    if inline.t == "Math" and inline.mathtype == "DisplayMath" then return in_box(para) end
  end
end

Table = in_box
