"""The frame of the page: light and dark as the reader's system is, and narrow enough for a phone."""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>framesift: {title}</title>
<style>
:root {{ color-scheme: light dark; --paper: #fff; --ink: #1f2328; --card: #f5f6f8; --line: #d9dce1; --dim: #626a74;
  --mark: #d9480f; --grey: #b4bac3; --area: #dfe3e8 }}
@media (prefers-color-scheme: dark) {{ :root {{ --paper: #15181c; --ink: #e4e7eb; --card: #1e2328; --line: #353b43;
  --dim: #99a1ab; --mark: #ff8a4c; --grey: #5b636e; --area: #2c323a }} }}
* {{ box-sizing: border-box }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem;
  background: var(--paper); color: var(--ink); overflow-wrap: anywhere }}
h1 {{ font-size: 1.5rem; margin-bottom: .2rem }} h2 {{ font-size: 1.1rem; margin: 2.4rem 0 .6rem }}
h3 {{ font-size: .95rem; margin: 1.2rem 0 .3rem }} h2 small {{ font-weight: 400; color: var(--dim) }}
p {{ margin: .3rem 0 .8rem }} .note {{ color: var(--dim); font-size: .87rem; max-width: 48rem }}
.cards {{ display: grid; gap: .7rem; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); margin: 1rem 0 }}
.card {{ background: var(--card); border-radius: 8px; padding: .7rem .9rem }}
.card strong {{ display: block; font-size: 1.35rem; line-height: 1.3 }} .card span {{ color: var(--dim); font-size: .83rem }}
.grid {{ display: grid; gap: .8rem; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); align-items: start }}
.pairs {{ display: grid; gap: .8rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 270px), 1fr)) }}
.pair {{ background: var(--card); border-radius: 8px; padding: .6rem }}
.pair div {{ display: grid; gap: .5rem; grid-template-columns: 1fr 1fr }}
figure {{ margin: 0; min-width: 0 }} figure img {{ width: 100%; border-radius: 4px; display: block }}
figcaption, .ends {{ display: flex; justify-content: space-between; gap: .4rem; font-size: .8rem; color: var(--dim) }}
figcaption span:last-child {{ white-space: nowrap }} .why {{ margin: .1rem 0 0;
  font-size: .75rem; line-height: 1.3; color: var(--dim) }} .ends {{ font-variant-numeric: tabular-nums }}
svg {{ width: 100%; display: block }} .timeline {{ height: 42px }} .ends {{ margin: .1rem 0 .7rem }}
.area {{ fill: var(--area) }} .axis {{ fill: var(--line) }} .tick {{ fill: var(--mark) }}
.charts {{ display: grid; gap: 1rem 1.6rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)) }}
.histogram {{ height: 96px; border-bottom: 1px solid var(--line) }} .before {{ fill: var(--grey) }}
.after {{ fill: none; stroke: var(--mark); stroke-width: 2; vector-effect: non-scaling-stroke }}
.maps {{ display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)) }}
.map {{ background: var(--card); border-radius: 8px; max-width: 46rem }}
.dots {{ stroke: var(--grey); stroke-width: 5; stroke-linecap: round }}
circle {{ fill: var(--mark); stroke: var(--paper); stroke-width: 1.5 }}
.key {{ font-size: .83rem; color: var(--dim) }} .key em {{ display: inline-block; width: .7em; height: .7em;
  border-radius: 2px; margin: 0 .3em 0 .8em; background: var(--grey) }} .key em.mark {{ background: var(--mark) }}
.key em:first-child {{ margin-left: 0 }}
.wide {{ overflow-x: auto }}
table {{ border-collapse: collapse; font-size: .87rem }} .numbers td {{ font-variant-numeric: tabular-nums }}
td, th {{ border-bottom: 1px solid var(--line); padding: .25rem 1.1rem .25rem 0; text-align: left; vertical-align: top }}
.numbers td, .numbers thead th:not(:first-child) {{ text-align: right }} .numbers td {{ white-space: nowrap }}
.numbers thead th {{ vertical-align: bottom }}
.numbers th {{ overflow-wrap: normal; font-weight: 600 }} .numbers .ours {{ color: var(--mark); font-weight: 600 }}
details {{ margin-top: 2.4rem }} summary {{ font-size: 1.1rem; font-weight: 700; cursor: pointer }}
@media (max-width: 40rem) {{ body {{ margin: 1rem auto }} .grid {{ grid-template-columns: 1fr 1fr }}
  table {{ font-size: .82rem }}
  td, th {{ padding-right: .6rem }} .numbers td:last-child, .numbers th:last-child {{ padding-right: 0 }} }}
</style></head><body>
<h1>{title}</h1><p>{summary}</p>
{headline}
{sources}
{findings}
<h2>How</h2><div class="wide"><table>{facts}</table></div>
</body></html>
"""
