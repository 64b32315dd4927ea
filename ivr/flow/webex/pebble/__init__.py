"""Pebble, the expression language of Webex flows: lexer, parser, and the translation to our templates."""
