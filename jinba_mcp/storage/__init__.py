"""The only room that knows SQL: rows, repositories, transactions, run journal, migrations; two databases in lockstep.

`store.Store` is the door. Above it only domain records are seen: no row, no statement and no driver error leaves the
room. One file per noun holds its row and its repository; `sqlite.py` and `postgresql.py` are the two kinds of database
behind one protocol (`database.py`), and whatever one can do, the other can. No rule of the product is decided here and
nothing here reads the clock or the settings.
"""
