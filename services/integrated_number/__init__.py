"""統合番号連携システム (assessment, system 3): between a municipality's business systems and its intermediate server.

Owns persons and their numbers, the business systems' clients, and all that is on its way in either direction. It speaks
with the intermediate server as the institution's own program, with the institution's credentials and nothing else.

    persons   numbers and links (functions 1, 6)      codes      code acquisition (2)
    inquiries, inquiry_files   asking (3)             copies     sub-copies (4)
    given     what business systems give over Kafka (4, 7)
    state     the server's operating state (5)        outgoing, hearing   both ways over Kafka, exactly once (7)
    api       REST                                    folder     files through a folder (7)
    clients   business systems and their rights (9)   serving    the process

Conversions (8) are `broker.rules.charsets`, `inquiry_file` and `copy_file`; numbers are kept by `broker.rules.vault`.
"""
