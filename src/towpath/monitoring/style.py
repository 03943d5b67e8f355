"""The look of a report, in light and in dark."""

from __future__ import annotations

STYLE = """
:root{--ink:#1c2330;--soft:#5b6575;--page:#f5f6f8;--card:#fff;--line:#e2e5ea;--first:#1f6fb2;
--second:#b4570b;--alarm:#c43325;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--ink:#e7eaf0;--soft:#9aa5b5;--page:#12161d;--card:#1a2029;
--line:#2c3440;--first:#6db1ee;--second:#f0a45d;--alarm:#ff7a68}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:960px;margin:0 auto;padding:28px 20px 60px}
header p{margin:0;color:var(--soft)}
header p:first-child{font-size:12px;letter-spacing:.08em;text-transform:uppercase}
h1{font-size:28px;line-height:1.2;margin:4px 0}
h2{font-size:17px;margin:0}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;
padding:18px 20px;margin-top:16px;overflow-x:auto}
section>p{margin:2px 0 10px;color:var(--soft)}
.tiles{list-style:none;display:grid;grid-template-columns:repeat(auto-fit,minmax(180px,1fr));
gap:16px;padding:0;margin:20px 0 0}
.tiles li{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 18px}
.tiles b{display:block;font-size:26px;line-height:1.25;font-variant-numeric:tabular-nums}
.tiles span{color:var(--soft);font-size:13px}
svg{display:block;width:100%;min-width:640px;height:auto;font:11px system-ui,sans-serif}
svg text{fill:var(--soft)}
.grid{stroke:var(--line)}
.tick,.name{text-anchor:end}
.name{fill:var(--ink);font:11px ui-monospace,"SF Mono",Menlo,Consolas,monospace}
.label{text-anchor:middle}
.first{color:var(--first)}.second{color:var(--second)}
g path{fill:none;stroke:currentColor;stroke-width:1.8}
g circle{fill:currentColor;stroke:var(--card);stroke-width:1.5}
.interval{fill:currentColor;fill-opacity:.22}
.band{fill:var(--first);fill-opacity:.26}.band.wide{fill-opacity:.13}
.bar{fill:var(--first);fill-opacity:.55}.bar.back{fill:var(--line);fill-opacity:1}
.quiet{fill:var(--first)}.alarm{fill:var(--alarm)}.mark{fill:var(--card)}
.key{font-weight:600}.key.dot{color:var(--alarm)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:5px 14px 5px 0;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--soft);font-weight:500;font-size:13px}
tbody tr:last-child td{border-bottom:0}
code{font:13px ui-monospace,"SF Mono",Menlo,Consolas,monospace}
small{color:var(--soft)}
summary{cursor:pointer;font-weight:600}
details table{margin-top:10px}
@media print{body{background:#fff}section,.tiles li{break-inside:avoid}}
"""
