{{%AUTOESCAPE context="HTML"}}
<header class="masthead">
<div class="wrap">
<span class="brand"><img src="/assets/carnet.svg?v={{ICON_VERSION}}" width="32" height="32" alt=""> Carnet</span>
<span class="brand-note">{{NOTE}}</span>
</div>
</header>
