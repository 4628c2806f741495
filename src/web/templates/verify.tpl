{{%AUTOESCAPE context="HTML"}}<!DOCTYPE html>
<html lang="en">
<head>
<title>{{HEADING}} · Carnet</title>
{{>HEAD}}
</head>
<body class="page-problem">
<a class="skip" href="#main">Skip to the content</a>
{{>MASTHEAD}}
<main id="main" class="wrap problem verify{{#RESULT}} {{TONE}}{{/RESULT}}">
<p class="eyebrow">Verification</p>
<h1>{{HEADING}}</h1>
{{#FORM}}
<p class="lead">Is a passport, report or evidence bundle what it says it is? Hand the file in; it is checked against the keys that this service publishes and against its transparency log, and it is not kept.</p>
{{/FORM}}
{{#RESULT}}
<p class="lead" role="status">{{SUMMARY}}</p>
{{#SAMPLE}}<p class="advice"><strong>SAMPLE.</strong> The endpoints are invented; nothing in it is evidence about a real system.</p>{{/SAMPLE}}
{{#CHECKS}}
<h2>What was checked</h2>
<ol class="verified">
{{#CHECK}}
<li><strong class="{{CLASS}}">{{STATE}}</strong> <span>{{WORDS}} <code class="quiet">{{ID}}</code></span></li>
{{/CHECK}}
</ol>
{{/CHECKS}}
{{#PASSPORT}}
<h2>What it says</h2>
<dl class="claims">
<dt>Issued for</dt><dd><bdi>{{TENANT}}</bdi></dd>
<dt>Issued by</dt><dd><bdi>{{ISSUER}}</bdi></dd>
<dt>Scan</dt><dd><code>{{SCAN}}</code></dd>
<dt>Targets</dt><dd><bdi>{{TARGETS}}</bdi></dd>
<dt>Readiness</dt><dd>{{READINESS}}</dd>
<dt>Issued</dt><dd><time datetime="{{ISSUED_ISO}}">{{ISSUED}}</time></dd>
<dt>Counts until</dt><dd><time datetime="{{NOT_AFTER_ISO}}">{{NOT_AFTER}}</time></dd>
</dl>
{{/PASSPORT}}
<h2 class="noprint">Another one</h2>
{{/RESULT}}
<form class="advice door noprint" method="post" action="/verify" enctype="multipart/form-data">
<p><label for="document">Passport, report or bundle</label>
<input id="document" name="document" type="file" accept=".json,.zip,.pdf,.csv,.sarif"></p>
<p><label for="passport">Its passport, for a file that carries none (a PDF or a table)</label>
<input id="passport" name="passport" type="file" accept=".json"></p>
<p><label for="text">Or the text of a passport</label>
<textarea id="text" name="text" rows="4" spellcheck="false" autocomplete="off"></textarea></p>
<p><button class="button" type="submit">Verify</button></p>
</form>
<p class="quiet">This page says what this service thinks of its own documents. To rely on nobody, take the keys from <a href="/.well-known/carnet-keys.json">/.well-known/carnet-keys.json</a> once, keep them, and check with <code>carnet verify</code> or with tools of your own.</p>
</main>
{{>FOOTER}}
</body>
</html>
