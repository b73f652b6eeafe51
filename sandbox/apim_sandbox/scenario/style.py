"""The report's style sheet: one set of names for light, one for dark."""

# ruff: noqa: E501 - a rule of CSS on a line of its own

STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1b2430;--dim:#5d6b7c;--line:#dde3ea;
--ok:#1a7f4b;--bad:#c6262e;--badbg:#fdecec;--info:#8a6100;--mark:#ffd84d;--soft:#eef2f6;--accent:#2559b8}
@media(prefers-color-scheme:dark){:root{--bg:#12161c;--card:#1a2029;--ink:#e3e9f1;--dim:#95a3b5;--line:#2d3643;
--ok:#4cc38a;--bad:#ff7a7f;--badbg:#3a1d22;--info:#e0b04a;--mark:#8a6d00;--soft:#222a35;--accent:#8fb6ff}}
*{box-sizing:border-box}html{scroll-behavior:smooth}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1040px;margin:0 auto;padding:24px 20px 80px}
h1{font-size:24px;margin:0 0 4px}h2{font-size:18px;margin:0}h3{font-size:16px;margin:0 0 10px}
a{color:var(--accent);text-decoration:none}a:hover{text-decoration:underline}
p{margin:8px 0}.counts{margin:0 0 18px}.counts b{margin-right:10px}.counts span{color:var(--dim)}
b.passed{color:var(--ok)}b.failed{color:var(--bad)}b.skipped{color:var(--info)}
nav{columns:230px;column-gap:22px;margin-bottom:28px;
background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px 18px}
nav h2{font-size:14px;break-after:avoid}nav section{margin-bottom:12px}nav h2 span{color:var(--dim);font-weight:400}
nav ul{list-style:none;margin:4px 0 0;padding:0;font-size:13px}nav li{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
nav li::before{content:"✓ ";color:var(--ok)}nav li.failed::before{content:"✗ ";color:var(--bad)}
nav li.failed a{color:var(--bad);font-weight:600}nav li.skipped::before{content:"– ";color:var(--info)}
article{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:20px 22px;margin:0 0 24px}
article.failed{border-color:var(--bad)}
header h2 b{font-size:12px;font-weight:600;margin-left:8px;padding:2px 8px;border-radius:9px;background:var(--soft);vertical-align:2px}
.id{margin:2px 0 0;color:var(--dim);font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}.id span{float:right}
.story{max-width:88ch}.source{color:var(--dim);font-size:13px}
.told{border-left:4px solid var(--bad);background:var(--badbg);border-radius:0 8px 8px 0;padding:10px 14px;margin:12px 0}
.told.quiet{border-color:var(--ok);background:var(--soft)}.mended{color:var(--ok);font-size:13px;margin-left:8px}
.problem{color:var(--bad);font-weight:600}.note,.quiet,.seen{color:var(--dim)}
figure{margin:14px 0 6px}svg.walk{width:100%;height:auto;display:block;font-family:system-ui,-apple-system,"Segoe UI",sans-serif}
.life{stroke:var(--line);stroke-width:1.5}.party{fill:var(--soft);stroke:var(--line)}
.name{text-anchor:middle;font-size:13px;font-weight:600;fill:var(--ink)}.band{fill:var(--badbg)}
.arrow{fill:none;stroke:var(--ink);stroke-width:1.6}.arrow.failed{stroke:var(--bad);stroke-width:2.4}
.arrow.never{stroke:var(--dim);stroke-width:1.2;stroke-dasharray:3 5;opacity:.55}.arrow.info{stroke:var(--info)}
.tip{fill:var(--ink)}.tip.never{fill:var(--dim);opacity:.55}.tip.info{fill:var(--info)}.tip.failed{fill:var(--bad)}
.cross{stroke:var(--bad);stroke-width:3.2;fill:none;stroke-linecap:round}
.label{font-size:12px;fill:var(--ink);paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}
.label.failed{fill:var(--bad);font-weight:700;stroke:var(--badbg)}.label.never{fill:var(--dim);opacity:.7}.label .took{fill:var(--dim);font-weight:400}
.number{fill:var(--ok)}.number.failed{fill:var(--bad)}.number.info{fill:var(--info)}
.number.never{fill:var(--card);stroke:var(--dim);stroke-dasharray:2 2}
.digit{text-anchor:middle;font-size:12px;font-weight:700;fill:var(--card)}.digit.never{fill:var(--dim)}
table{border-collapse:collapse;width:100%;font-size:13.5px}td,th{padding:5px 8px;text-align:left;vertical-align:top;overflow-wrap:anywhere}
tbody tr+tr td{border-top:1px solid var(--line)}
.hops .n{width:28px;font-weight:700}.hops .who{width:132px;white-space:nowrap;color:var(--dim)}
.hops .verdict{width:64px;white-space:nowrap;color:var(--ok)}.hops .took{width:70px;text-align:right;color:var(--dim);white-space:nowrap}
.hops tr.failed td{background:var(--badbg)}.hops tr.failed .verdict,.hops tr.failed .n{color:var(--bad);font-weight:700}
.hops tr.info .verdict{color:var(--info)}
dl{margin:4px 0 0;display:flex;flex-wrap:wrap;gap:2px 18px;font-size:13px}dl div{display:flex;gap:6px;min-width:0}
dt{color:var(--dim);white-space:nowrap}dd{margin:0;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12.5px;overflow-wrap:anywhere}
.rung{display:inline-block;white-space:nowrap;margin-right:10px;color:var(--dim)}.rung.passed{color:var(--ok)}.rung.failed{color:var(--bad);font-weight:700}
.why{border-left:4px solid var(--bad);background:var(--soft);border-radius:0 8px 8px 0;padding:14px 16px;margin:16px 0}
.pair{margin:10px 0 2px;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12.5px}
.pair caption{text-align:left;color:var(--dim);font-family:system-ui,sans-serif}.pair th{width:84px;color:var(--dim);font-weight:400}
.pair td,.pair th{padding:2px 8px;border:0!important}mark{background:var(--mark);color:inherit;border-radius:2px;padding:1px 0;outline:1px solid var(--mark)}
.words{margin:0 0 6px;color:var(--dim);font-size:13px;padding-left:92px}.ladder{font-size:13px}
.next{font-weight:600;margin-bottom:2px}.why ul{margin:0;padding-left:22px}
.mend{margin:6px 0 0;padding-left:12px;border-left:2px solid var(--line)}.mend b{color:var(--accent)}.where{color:var(--dim);font-size:13px}
pre{margin:4px 0 0;padding:8px 10px;background:var(--card);border:1px solid var(--line);border-radius:6px;white-space:pre-wrap;
overflow-wrap:anywhere;font:12.5px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.seen{font-size:13.5px}
.checks caption,summary{text-align:left;font-weight:600;padding:8px 0 2px;cursor:default}summary{cursor:pointer}
.checks th{color:var(--dim);font-weight:400}.checks td:nth-child(3){white-space:nowrap}.checks .mark{color:var(--ok);width:26px}.checks tr.failed td{background:var(--badbg)}
.checks tr.failed .mark{color:var(--bad)}.at,.journal .n{white-space:nowrap;color:var(--dim);font-variant-numeric:tabular-nums}
.journal{font-size:12.5px}.journal td{padding:2px 8px}.journal tr.failed td{color:var(--bad)}.left{color:var(--dim);text-align:center}
@media print{body{background:#fff}article{break-inside:avoid-page}}
"""
