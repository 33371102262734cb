"""The studio: a page on the user's own machine, to paint where and see at once.

The page keeps a `sketch` and shows previews of it; the server stores it; worker processes look and paint. A room, what
can be done with a sketch, is a file in `rooms/` here and one in `page/rooms/`.
"""
