"""The library in a desktop's own search: GNOME Shell and KRunner ask over D-Bus, and other programs may."""

NAME = "org.synesthete.Search1"
PATH = "/org/synesthete/Search1"
