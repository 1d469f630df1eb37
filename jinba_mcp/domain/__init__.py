"""What things are: frozen records, their legal moves and the errors they raise.

Pure: no I/O, no clock, no settings; whoever needs the time passes it in. Everything above speaks these nouns and
nothing here imports anything above.

Glossary, one word for each thing in URL, table, file, class, log field and command: *organization* owns everything;
*user* is a person with a *membership* (owner, admin or member) in organizations; *key* is a `jtb_` credential;
*ToolSet* is a named group of *tools*; its *draft* is what is edited and a *version* is an immutable snapshot of it;
*run* is the record of one call of one tool.
"""
