"""The service: holds model and library once, and answers over HTTP, to the command line and to a web page."""
