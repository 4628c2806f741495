{{%AUTOESCAPE context="HTML"}}
<footer class="footer">
<div class="wrap">
<p>{{TEXT}}</p>
</div>
</footer>
