{{%AUTOESCAPE context="HTML"}}<!DOCTYPE html>
<html lang="en">
<head>
<title>{{HEADING}} · Carnet</title>
{{>HEAD}}
</head>
<body class="page-problem">
<a class="skip" href="#main">Skip to the form</a>
{{>MASTHEAD}}
<main id="main" class="wrap problem">
<p class="eyebrow">Quantum-readiness report</p>
<h1>{{HEADING}}</h1>
<p class="lead">Somebody has shared this link with you. It opens {{CONTENTS}}.</p>
<form class="advice door" method="post" action="{{ACTION}}">
{{#PASSCODE}}
<p><label for="passcode">Passcode</label>
<input id="passcode" name="passcode" type="password" autocomplete="current-password" spellcheck="false" autofocus required{{#INVALID}} aria-invalid="true" aria-describedby="passcode-note"{{/INVALID}}></p>
{{#NOTE}}<p id="passcode-note" class="wrong" role="alert">{{TEXT}}</p>{{/NOTE}}
<p class="quiet">The person who sent you the link has it, and should have told you by another way than the link itself.</p>
{{/PASSCODE}}
<p><button class="button" type="submit">Open the report</button></p>
</form>
<ul class="terms">
{{#COUNTED}}<li>It can be opened a set number of times. Only the button counts; looking at this page does not.</li>{{/COUNTED}}
<li>Once opened, it stays open in this browser for 15 minutes, by a cookie that is used for nothing else.</li>
<li>Opening it and taking files from it is logged for whoever shared it.</li>
<li>The link is valid until <time datetime="{{EXPIRES_ISO}}">{{EXPIRES}}</time> (closes {{EXPIRES_LEFT}}).</li>
</ul>
</main>
{{>FOOTER}}
</body>
</html>
