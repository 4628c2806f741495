{{%AUTOESCAPE context="HTML"}}
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex, nofollow, noarchive">
<meta name="referrer" content="no-referrer">
<link rel="icon" type="image/svg+xml" href="/assets/carnet.svg?v={{ICON_VERSION}}">
<link rel="stylesheet" href="/assets/carnet.css?v={{STYLE_VERSION}}">
{{#SCRIPT}}
<script defer src="/assets/carnet.js?v={{SCRIPT_VERSION}}"></script>
{{/SCRIPT}}
{{#MODULE}}
<script type="module" src="/assets/verify.js?v={{MODULE_VERSION}}"></script>
{{/MODULE}}
