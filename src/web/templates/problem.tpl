{{%AUTOESCAPE context="HTML"}}<!DOCTYPE html>
<html lang="en">
<head>
<title>{{TITLE}} · Carnet</title>
{{>HEAD}}
</head>
<body class="page-problem">
<a class="skip" href="#main">Skip to the message</a>
{{>MASTHEAD}}
<main id="main" class="wrap problem">
<p class="eyebrow">Quantum-readiness report</p>
<h1>{{TITLE}}</h1>
<p class="lead">{{EXPLANATION}}</p>
<div class="advice">
<h2>What you can do</h2>
<p>{{ADVICE}}</p>
{{#BACK}}<p><a class="button" href="{{URL}}">Go to the report</a></p>{{/BACK}}
</div>
<p class="quiet">Code <code>{{CODE}}</code> · HTTP status {{STATUS}}</p>
</main>
{{>FOOTER}}
</body>
</html>
