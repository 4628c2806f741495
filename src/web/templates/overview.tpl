{{%AUTOESCAPE context="HTML"}}<!DOCTYPE html>
<html lang="en">
<head>
<title>{{#SAMPLE}}SAMPLE · {{/SAMPLE}}{{HEADING}} · {{ISSUER}} · Carnet</title>
{{>HEAD}}
</head>
<body class="page-overview">
<a class="skip" href="#main">Skip to the report</a>
<svg class="sprite" width="0" height="0" aria-hidden="true" focusable="false">
<symbol id="s-broken" viewBox="0 0 16 16"><path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z"/><path class="cut" d="M5.5 5.5l5 5m0-5l-5 5"/></symbol>
<symbol id="s-at-risk" viewBox="0 0 16 16"><path d="M8 1.2L15.3 14.5H.7z"/><path class="cut" d="M8 6v4m0 1.6v.9"/></symbol>
<symbol id="s-safe" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7"/><path class="cut" d="M4.8 8.3l2.2 2.2 4.2-4.6"/></symbol>
<symbol id="s-unknown" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7"/><path class="cut" d="M4.8 8h6.4"/></symbol>
</svg>
{{>MASTHEAD}}
{{#SAMPLE}}
<div class="sample" role="note" aria-label="Sample data"><div class="wrap"><strong>SAMPLE</strong> <span>Made-up systems for demonstration. Nothing on this page describes a real organisation.</span></div></div>
{{/SAMPLE}}
<main id="main">
<div class="cover">
<div class="wrap">
<p class="eyebrow">Quantum-readiness report</p>
<h1><bdi>{{HEADING}}</bdi></h1>
{{#RECIPIENT}}<p class="prepared">Prepared for <strong><bdi>{{NAME}}</bdi></strong></p>{{/RECIPIENT}}
<p class="lead">{{WHAT}}</p>
<dl class="facts">
<div><dt>Issued by</dt><dd><bdi>{{ISSUER}}</bdi></dd></div>
<div><dt>Examined</dt><dd><time datetime="{{FINISHED_ISO}}">{{FINISHED}}</time></dd></div>
<div><dt>Link valid until</dt><dd><time datetime="{{EXPIRES_ISO}}">{{EXPIRES}}</time> <span class="quiet">(closes {{EXPIRES_LEFT}})</span></dd></div>
{{#SESSION}}<div><dt>Open in this browser until</dt><dd><time datetime="{{UNTIL_ISO}}">{{UNTIL}}</time></dd></div>{{/SESSION}}
<div><dt>Reference</dt><dd class="ref">{{SCAN_ID}}</dd></div>
</dl>
</div>
</div>

<div class="wrap">
<section class="panel score" aria-labelledby="h-score">
<h2 id="h-score">Readiness score</h2>
<div class="score-grid">
<div class="gauge-box band-{{BAND_TOKEN}}">
<svg class="gauge" viewBox="0 0 240 150" role="img" aria-label="{{GAUGE_LABEL}}">
<path class="g-track" d="M24 122A96 96 0 0 1 216 122" pathLength="100"/>
{{#GAUGE}}
<path class="g-value" d="M24 122A96 96 0 0 1 216 122" pathLength="100" stroke-dasharray="{{VALUE_DASH}}"/>
{{#RANGE}}<path class="g-range" d="M11 122A109 109 0 0 1 229 122" pathLength="100" stroke-dasharray="{{DASH}}"/>{{/RANGE}}
{{/GAUGE}}
{{#CUT}}<path class="g-cut" d="{{PATH}}"/>{{/CUT}}
<text class="g-number" x="120" y="108" text-anchor="middle">{{SCORE}}</text>
<text class="g-of" x="120" y="130" text-anchor="middle">{{SCORE_NOTE}}</text>
<text class="g-end" x="24" y="144" text-anchor="middle">0</text>
<text class="g-end" x="216" y="144" text-anchor="middle">100</text>
</svg>
</div>
<div class="score-words">
<p class="band band-{{BAND_TOKEN}}">{{BAND}}{{#BAND_RANGE}} <span class="quiet">{{TEXT}}</span>{{/BAND_RANGE}}</p>
<p>{{BAND_MEANING}}</p>
<dl class="measures">
<div><dt>Score range</dt><dd><strong>{{RANGE_TEXT}}</strong> {{RANGE_NOTE}}</dd></div>
<div><dt>Coverage</dt><dd><strong>{{COVERAGE_TEXT}}</strong> {{COVERAGE_NOTE}}</dd></div>
<div><dt>Coverage confidence</dt><dd><strong>{{CONFIDENCE}}&nbsp;%</strong> A heuristic from how much was reached and classified. It does not enter the score.</dd></div>
</dl>
</div>
</div>
</section>

<section class="panel" aria-labelledby="h-today">
<h2 id="h-today">What is exposed today</h2>
<p class="intro">A quantum computer breaks two different things at two different times, so they are counted apart.</p>
<div class="two">
<div class="card">
<h3>Recorded today, read later</h3>
<p class="kicker">Key establishment · harvest now, decrypt later</p>
<p class="figure"><strong>{{HNDL}}</strong> <span>of {{KEX_TOTAL}} exposed</span></p>
<p>{{KEX_WORDS}}</p>
</div>
<div class="card">
<h3>Forged once the machine exists</h3>
<p class="kicker">Authentication · certificates, host keys, signing keys</p>
<p class="figure"><strong>{{FORGEABLE}}</strong> <span>of {{AUTH_TOTAL}} vulnerable</span></p>
<p>{{AUTH_WORDS}}</p>
</div>
</div>
{{#BROKEN_TODAY}}<p class="callout"><svg class="ico broken" width="16" height="16" aria-hidden="true"><use href="#s-broken"/></svg> <span>{{TEXT}}</span></p>{{/BROKEN_TODAY}}
<h3>All {{ASSETS}} by status</h3>
<svg class="stack" width="100%" height="14" role="img" aria-label="{{STACK_LABEL}}">
{{#STACK}}<rect class="fill-{{TOKEN}}" x="{{X}}%" width="{{WIDTH}}%" height="14"/>{{/STACK}}
</svg>
<ul class="legend">
{{#LEGEND}}
<li><svg class="ico {{TOKEN}}" width="16" height="16" aria-hidden="true"><use href="#s-{{TOKEN}}"/></svg> <strong>{{COUNT}}</strong> {{TEXT}} <span class="quiet">{{MEANING}}</span></li>
{{/LEGEND}}
</ul>
</section>

<section class="panel" aria-labelledby="h-first">
<h2 id="h-first">What to do first</h2>
{{#FIRST}}
<ol class="first">
{{#ITEM}}
<li>
<h3><bdi>{{TITLE}}</bdi></h3>
{{#WHERE}}<p class="kicker"><bdi>{{TEXT}}</bdi></p>{{/WHERE}}
<p>{{#PART}}{{#CODE}}<code>{{TEXT}}</code>{{/CODE}}{{#PLAIN}}<bdi>{{TEXT}}</bdi>{{/PLAIN}}{{/PART}}</p>
<dl class="inline">
{{#TARGET}}<div><dt>Move to</dt><dd><bdi>{{TEXT}}</bdi></dd></div>{{/TARGET}}
{{#DEADLINE}}<div><dt>Deadline</dt><dd><strong>{{DAY}}</strong>{{#SOURCE}} <bdi>{{TEXT}}</bdi>{{/SOURCE}}{{#LINK}} <a href="{{URL}}" rel="noopener noreferrer nofollow">{{HOST}}</a>{{/LINK}}</dd></div>{{/DEADLINE}}
{{#NO_DEADLINE}}<div><dt>Deadline</dt><dd>{{TEXT}}</dd></div>{{/NO_DEADLINE}}
{{#EFFORT}}<div><dt>Effort</dt><dd>{{TEXT}} <span class="quiet">(estimate)</span></dd></div>{{/EFFORT}}
</dl>
</li>
{{/ITEM}}
</ol>
{{/FIRST}}
{{#NOTHING_FIRST}}<p>{{TEXT}}</p>{{/NOTHING_FIRST}}
{{#ACTIONS}}
<details class="framework actions">
<summary><span class="fw-name">All {{COUNT}} in order of urgency</span>{{#PROGRESS}} <span class="quiet">{{TEXT}}</span>{{/PROGRESS}}</summary>
<table class="todo">
<thead><tr><th scope="col">Action</th><th scope="col">Move to</th><th scope="col">Deadline</th>{{#STATE_HEAD}}<th scope="col">State</th>{{/STATE_HEAD}}</tr></thead>
<tbody>
{{#ROW}}
<tr><th scope="row"><bdi>{{TITLE}}</bdi>{{#WHERE}}<small><bdi>{{TEXT}}</bdi></small>{{/WHERE}}</th>
<td data-l="Move to"><bdi>{{TARGET}}</bdi></td>
<td data-l="Deadline">{{DEADLINE}}</td>
{{#STATE}}<td data-l="State"><span class="st {{TOKEN}}">{{TEXT}}</span>{{#OWNER}} <small><bdi>{{NAME}}</bdi></small>{{/OWNER}}{{#BY}} <small>until {{DAY}}</small>{{/BY}}</td>{{/STATE}}</tr>
{{/ROW}}
</tbody>
</table>
{{#MORE}}<p class="quiet">{{TEXT}}</p>{{/MORE}}
</details>
{{/ACTIONS}}
</section>

{{#HISTORY}}
<section class="panel" aria-labelledby="h-history">
<h2 id="h-history">How the score developed</h2>
{{#FIRST_SCAN}}<p>This is the first scan of these targets, so there is nothing to compare it with yet.</p>{{/FIRST_SCAN}}
{{#CHART}}
<p class="intro">Scans of exactly the same targets, up to this one. {{CHANGE}}</p>
<svg class="history" viewBox="0 0 600 150" role="img" aria-label="{{LABEL}}">
<path class="h-grid" d="M30 16H570M30 70H570M30 124H570"/>
<text class="g-end" x="4" y="20">100</text><text class="g-end" x="4" y="74">50</text><text class="g-end" x="4" y="128">0</text>
<polyline class="h-line" points="{{LINE}}"/>
{{#DOT}}<circle class="h-dot" cx="{{X}}" cy="{{Y}}" r="4"/><text class="g-end" x="{{X}}" y="{{TEXT_Y}}" text-anchor="{{ANCHOR}}">{{SCORE}}</text>{{/DOT}}
</svg>
<details class="framework"><summary><span class="fw-name">The same as a table</span></summary>
<table class="plain"><thead><tr><th scope="col">Examined</th><th scope="col">Score</th><th scope="col">Band</th></tr></thead>
<tbody>{{#ROW}}<tr><th scope="row"><time datetime="{{DATE_ISO}}">{{DATE}}</time></th><td data-l="Score">{{SCORE}}</td><td data-l="Band">{{BAND}}</td></tr>{{/ROW}}</tbody></table>
</details>
{{/CHART}}
</section>
{{/HISTORY}}

<section class="panel" aria-labelledby="h-mosca">
<h2 id="h-mosca">Is there still time?</h2>
<p class="intro">Mosca’s inequality: if the years that data must stay secret and the years that migration takes add up to more than the years until a quantum computer exists, then data sent today is already too late to protect.</p>
<div class="mosca {{MOSCA_TOKEN}}">
<svg class="bars" width="100%" height="52" role="img" aria-label="{{MOSCA_LABEL}}">
<rect class="m-x" x="0" y="0" width="{{X_WIDTH}}%" height="22"/>
<rect class="m-y" x="{{X_WIDTH}}%" y="0" width="{{Y_WIDTH}}%" height="22"/>
<rect class="m-z" x="0" y="30" width="{{Z_WIDTH}}%" height="22"/>
</svg>
<ul class="mosca-values">
<li><span class="swatch m-x"></span><strong>{{X}} years</strong> the data must stay secret{{#X_DEFAULT}} <em class="tag">default</em>{{/X_DEFAULT}}</li>
<li><span class="swatch m-y"></span><strong>{{Y}} years</strong> the migration takes{{#Y_DEFAULT}} <em class="tag">default</em>{{/Y_DEFAULT}}</li>
<li><span class="swatch m-z"></span><strong>{{Z}} years</strong> until a quantum computer is assumed{{#Z_DEFAULT}} <em class="tag">default</em>{{/Z_DEFAULT}}</li>
</ul>
<p class="verdict"><strong>{{X}} + {{Y}} = {{SUM}} years is {{COMPARED}} {{Z}} years.</strong> {{VERDICT}}</p>
</div>
{{#DEFAULTS_NOTE}}<p class="quiet">{{TEXT}}</p>{{/DEFAULTS_NOTE}}
</section>

<section class="panel" id="assets" aria-labelledby="h-assets">
<h2 id="h-assets">What was found</h2>
<p class="intro">One asset is one thing that one endpoint relies on.</p>
{{#FINDER}}
<form class="finder noprint" method="get" action="{{ACTION}}" role="search" aria-label="Assets">
<p class="wide"><label for="f-q">Search</label><input id="f-q" name="q" type="search" maxlength="100" value="{{TEXT}}" autocomplete="off" spellcheck="false"></p>
<p><label for="f-status">Status</label><select id="f-status" name="status">{{#STATUS}}<option value="{{VALUE}}"{{#CHOSEN}} selected{{/CHOSEN}}>{{TEXT}}</option>{{/STATUS}}</select></p>
<p><label for="f-exposure">Purpose</label><select id="f-exposure" name="exposure">{{#EXPOSURE}}<option value="{{VALUE}}"{{#CHOSEN}} selected{{/CHOSEN}}>{{TEXT}}</option>{{/EXPOSURE}}</select></p>
<p><label for="f-order">Order</label><select id="f-order" name="order">{{#ORDER}}<option value="{{VALUE}}"{{#CHOSEN}} selected{{/CHOSEN}}>{{TEXT}}</option>{{/ORDER}}</select></p>
<p class="go"><button class="button" type="submit">Show</button>{{#RESET}} <a href="{{URL}}">Show all</a>{{/RESET}}</p>
</form>
{{/FINDER}}
{{#FOUND}}
<div id="found">
<p class="quiet" role="status">{{SHOWN}}</p>
{{#NONE}}<p>Nothing fits. Take something out of the search, or show all.</p>{{/NONE}}
{{#TABLE}}
<table class="assets" aria-labelledby="h-assets">
<thead><tr><th scope="col">Status</th><th scope="col">Where</th><th scope="col">Algorithm</th><th scope="col">What it means</th><th scope="col">Move to</th></tr></thead>
<tbody>
{{#ROW}}
<tr>
<td data-l="Status"><span class="st {{STATUS}}"><svg class="ico" width="16" height="16" aria-hidden="true"><use href="#s-{{STATUS}}"/></svg>{{STATUS_TEXT}}</span></td>
<th scope="row"><bdi>{{WHERE}}</bdi><small><bdi>{{LABEL}}</bdi></small></th>
<td data-l="Algorithm"><bdi>{{ALGORITHM}}</bdi>{{#SIZE}} <span class="quiet nowrap">{{BITS}} bits</span>{{/SIZE}}</td>
<td data-l="What it means"><bdi>{{SUMMARY}}</bdi>{{#HNDL}} <em class="tag">exposed today</em>{{/HNDL}}</td>
<td data-l="Move to"><bdi>{{REPLACEMENT}}</bdi></td>
</tr>
{{/ROW}}
</tbody>
</table>
{{/TABLE}}
{{#PAGES}}
<nav class="pages noprint" aria-label="Pages of assets">{{#PREVIOUS}}<a rel="prev" href="{{URL}}">Previous</a>{{/PREVIOUS}} <span class="quiet">Page {{NUMBER}} of {{COUNT}}</span> {{#NEXT}}<a rel="next" href="{{URL}}">Next</a>{{/NEXT}}</nav>
{{/PAGES}}
</div>
{{/FOUND}}
{{#NO_ASSETS}}<p>No asset could be classified.</p>{{/NO_ASSETS}}
{{#UNREACHED}}
<h3 id="h-unreached">Could not be reached <span class="quiet">{{COUNT}}</span></h3>
<p class="intro">These endpoints were requested and gave no answer that could be judged. They are missing coverage, not findings.</p>
<ul class="unreached">
{{#ENDPOINT}}<li><bdi>{{WHERE}}</bdi> <span class="quiet"><bdi>{{REASON}}</bdi></span></li>{{/ENDPOINT}}
</ul>
{{#MORE}}<p class="quiet">{{TEXT}}</p>{{/MORE}}
{{/UNREACHED}}
</section>

{{#FRAMEWORKS}}
<section class="panel" aria-labelledby="h-frameworks">
<h2 id="h-frameworks">Measured against published rules</h2>
<p class="intro">What this inventory shows for each rule. This is no claim of formal compliance: most rules also ask for things that no scan can see.</p>
{{#FRAMEWORK}}
{{#RULES}}
<details class="framework">
<summary><span class="fw-name">{{NAME}}</span> <span class="st {{TOKEN}}"><svg class="ico" width="16" height="16" aria-hidden="true"><use href="#s-{{TOKEN}}"/></svg>{{RESULT}}</span></summary>
<ul>
{{#REQUIREMENT}}
<li><span class="st {{TOKEN}}"><svg class="ico" width="16" height="16" aria-hidden="true"><use href="#s-{{TOKEN}}"/></svg>{{RESULT}}</span>
<div><p>{{TEXT}}</p>
<p class="quiet">{{#DATE}}By {{DAY}}. {{/DATE}}{{#DECIDED}}Decided by <bdi>{{TEXT}}</bdi>. {{/DECIDED}}{{#SOURCE}}Source: {{TEXT}}{{/SOURCE}}{{#LINK}}Source: <a href="{{URL}}" rel="noopener noreferrer nofollow">{{HOST}}</a>{{/LINK}}</p></div></li>
{{/REQUIREMENT}}
</ul>
</details>
{{/RULES}}
{{#NO_RULES}}
<p class="framework plain"><span class="fw-name">{{NAME}}</span> <span class="st {{TOKEN}}"><svg class="ico" width="16" height="16" aria-hidden="true"><use href="#s-{{TOKEN}}"/></svg>{{RESULT}}</span></p>
{{/NO_RULES}}
{{/FRAMEWORK}}
</section>
{{/FRAMEWORKS}}

{{#DOWNLOADS}}
<section class="panel noprint" aria-labelledby="h-downloads">
<h2 id="h-downloads">Take it with you</h2>
<ul class="downloads">
{{#FILE}}<li data-format="{{FORMAT}}"><a href="{{URL}}" download><strong>{{NAME}}</strong> <span>{{PURPOSE}}</span> <span class="size">{{SIZE}}</span></a>{{#DIGEST}}<code class="digest" title="SHA-256">{{SHA256}}</code>{{/DIGEST}}</li>{{/FILE}}
</ul>
<p class="quiet">Beneath each file stands its SHA-256: <code>sha256sum FILE</code> must give the same. The downloads work for as long as this link does. Keep the address of this page to yourself: whoever has it can read the report.</p>
</section>
{{/DOWNLOADS}}

{{#VERIFY}}
<section class="panel noprint" id="verify" aria-labelledby="h-verify" data-passport="{{PASSPORT}}" data-sha256="{{SHA256}}" data-scan="{{SCAN_ID}}">
<h2 id="h-verify">Check it yourself</h2>
<p class="intro">The passport names every file of this scan by its SHA-256. It is signed twice, with Ed25519 and with ML-DSA-65, which no known quantum attack breaks, and its digest stands in an append-only log, so that it cannot be exchanged unseen.</p>
<div hidden><button class="button" id="verify-button" type="button">Verify in this browser</button></div>
<ol class="checks" id="verify-list"></ol>
<p id="verify-verdict" role="status"></p>
<p>Without trusting this page: take the passport or the evidence bundle with you, fetch the <a href="/.well-known/carnet-keys.json">published keys</a> by another way, and run <code>carnet verify --keys carnet-keys.json passport.json</code>. The page <a href="/verify">/verify</a> checks a file that you have.</p>
</section>
{{/VERIFY}}

<section class="panel method" aria-labelledby="h-method">
<h2 id="h-method">Method and limits</h2>
<p><strong>This report is an inventory aid and no audit.</strong> It shows what could be observed from the network at the time of the scan, and judges it by a published method (version {{METHOD}}). Systems that were not named to it, and anything behind the endpoints, are not in it.</p>
<ul>
<li>The score is 0 to 100: how much of what was found withstands quantum attacks, how much traffic can be recorded and read later, whether post-quantum key exchange is the default, and how far remediation has come. Anything already broken is subtracted.</li>
<li>The year in which a quantum computer able to break today’s cryptography exists is not known. It is an assumption here, as are efforts and priorities.</li>
{{#NOTE}}<li><bdi>{{TEXT}}</bdi></li>{{/NOTE}}
</ul>
</section>
</div>
</main>
{{>FOOTER}}
</body>
</html>
