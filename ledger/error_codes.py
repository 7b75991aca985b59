"""Every error code and field report of the ledger: meaning, what to do, HTTP status, and whether to try again.

``docs/errors.md`` is generated from this table and a test holds the two and the code together.
Reasons of a decision are in :mod:`ledger.domain.reasons`.
"""

from typing import Final, NamedTuple


class ErrorCode(NamedTuple):
    code: str
    meaning: str
    what_to_do: str
    http_status: int
    retryable: bool


def _table(*rows: tuple[str, str, str, int, bool]) -> dict[str, ErrorCode]:
    table: dict[str, ErrorCode] = {}
    for row in rows:
        if row[0] in table:
            raise ValueError(f"the error code {row[0]} stands twice")
        table[row[0]] = ErrorCode(*row)
    return table


ERROR_CODES: Final = _table(
    # -- the answer itself
    ("denied", "The ledger denies this use of the person's data.", "Do not go on; the reason is in the decision.", 403, False),
    ("not_awaited", "A decision was tested before it was awaited.", "Write `if await ledger.check(...)`.", 500, False),
    # -- services
    ("log_unavailable", "The log (Kafka) did not acknowledge in time.", "Send the same act again with the same idempotency key.", 503, True),
    ("log_not_ready", "The controller's log has no genesis record yet.", "Run `ledger topics apply`, then try again.", 503, True),
    ("postgres_unavailable", "Postgres did not answer in time.", "Try again; the worker resumes by itself.", 503, True),
    ("ledger_unavailable", "The ledger's API did not answer in time.", "Try again with the same idempotency key.", 503, True),
    # -- positions
    ("position_malformed", "The position is not one that this ledger has issued.", "Pass the position exactly as it was returned.", 400, False),
    # -- records on the log
    ("malformed_record", "The bytes are no Avro record of ours.", "Find the producer by the coordinates; the raw bytes are still in the log.", 422, False),
    ("unknown_schema", "The record names a schema that this version does not have.", "Upgrade the ledger, then admit the record.", 422, False),
    ("record_too_large", "The record is larger than the ledger reads.", "Find the producer by the coordinates.", 422, False),
    ("trailing_bytes", "Bytes follow the end of the record.", "Find the producer by the coordinates.", 422, False),
    # -- invalid events
    # schemas and topics
    ("schema_unsound", "The Avro schemas that the ledger ships cannot be used.", "Reinstall the ledger; a changed file under schemas/avro must be restored.", 500, False),
    ("topic_missing", "A topic of a log that was complete is gone.", "Restore the topic from its copy; nothing is made anew, since an empty topic would pass for a log without withdrawals.", 500, False),
    ("topic_partitions_differ", "A topic has another number of partitions than its log.", "Restore the topic from its copy: with other partitions a person's records lose their order.", 500, False),
    ("topic_unknown", "Kafka has no such topic.", "Check the controller's name and the cluster; `ledger topics plan` lists what is missing.", 404, False),
    ("topic_refused", "Kafka refused to make or change a topic.", "Read the detail; check the brokers' number and the rights of this client.", 500, False),
    # controllers
    ("controller_name_collides", "The name differs from another controller's only by a dot and an underscore.", "Choose another name: Kafka cannot tell the two apart.", 409, False),
    ("controller_size_differs", "The controller exists with another size.", "A log's partitions never change; leave --size as it is.", 409, False),
    ("event_invalid", "The event cannot be written as its schema says.", "Mend the named field.", 422, False),
    # database and migrations
    ("postgres_refused", "Postgres refused the login or has no such database.", "Check the DSN in the settings.", 500, False),
    ("not_migrated", "The database lacks tables that this version needs.", "Run `ledger migrate`.", 500, False),
    ("migration_changed", "A migration was changed after it had been applied.", "Restore the file as it was; put the change in a new one.", 500, False),
    ("migration_unknown", "The database was migrated by a newer version of the ledger.", "Run that version or a newer one; migrations go forward only.", 500, False),
    ("migration_misnamed", "A migration file does not bear the next number of its folder.", "Name it NNNN_<schema>_<words>.sql, without gaps.", 500, False),
    # settings and the local stack
    ("setting_missing", "A setting that this process needs is not set.", "Set it, or run `ledger dev up` for a local stack; `ledger settings` shows all.", 500, False),
    ("setting_unknown", "A LEDGER_ variable is set that the ledger does not know.", "Mend its name or unset it; `ledger settings` shows all.", 500, False),
    ("setting_invalid", "A setting has a value that it cannot have.", "Mend the named variable.", 500, False),
    ("part_missing", "A program or package that this command needs is not installed.", "Install it as the message says, then run the command again.", 500, False),
    ("checkout_missing", "The local stack runs from a checkout of the ledger only.", "Clone the repository and run `make setup` in it.", 500, False),
    ("service_not_started", "A service of the local stack did not become ready.", "Its last log lines are above; mend their cause, then run `ledger dev up` again.", 503, True),
    ("stack_not_running", "The local stack is not running.", "Run `ledger dev up`.", 503, True),
    ("state_in_use", "Another `ledger dev` command is at work on the same state folder.", "Wait until it has ended, then run yours again.", 503, True),
    ("not_confirmed", "The command deletes data and was not confirmed.", "Type the name that it asks for, or pass --yes.", 400, False),
    ("usage", "The command was called in a way that it does not understand.", "Run it with --help.", 400, False),
    # catalogues
    ("catalogue_malformed", "The document is no catalogue.", "Mend the named field; docs/catalogue.md has the form.", 422, False),
    ("catalogue_unsound", "The catalogue contradicts itself.", "Mend the named places; `ledger catalogue lint` lists them.", 422, False),
    ("catalogue_too_large", "The catalogue is larger than one event can hold.", "Shorten the texts, or drop notices that nobody was shown.", 422, False),
    ("catalogue_folder_invalid", "The folder is no catalogue.", "Mend the named places; `ledger catalogue lint` lists them.", 422, False),
    ("catalogue_version_taken", "This version of the catalogue, or a later one, is published with other content.", "Raise `version` in catalogue.toml: a published version never changes.", 409, False),
    ("catalogue_notice_rewritten", "A notice has another text under the same version.", "Give the new text a new version: people agreed to the old words.", 409, False),
    ("catalogue_past_dated", "A catalogue cannot take effect before it can be known.", "Leave out --effective-from, or name a later time.", 422, False),
    # audit
    ("log_gap", "The log lacks records below the position that was folded.", "Do not fold on; restore the log from its copy.", 500, False),
    # acts and identifiers
    ("act_unknown", "There is no such act.", "Use one of the acts that the message lists.", 422, False),
    ("field_unknown", "The act has a field that the ledger does not know.", "Leave the field out; see docs/errors.md for what an act takes.", 422, False),
    ("field_not_taken", "This act takes no such field.", "Leave the field out.", 422, False),
    ("field_wrong_type", "A field has a value of the wrong type.", "Mend the named field.", 422, False),
    ("id_malformed", "A field does not have the syntax of an id.", "Use the id that the catalogue declares.", 422, False),
    ("email_in_field", "A field that must hold an id holds an e-mail address.", "Name the person by `subject`, and the field by an id.", 422, False),
    ("phone_in_field", "A field that must hold an id holds a phone number.", "Name the person by `subject`, and the field by an id.", 422, False),
    ("personal_number_in_field", "A field that must hold an id holds a personal identity number.", "Name the field by an id; the log has no room for personal values.", 422, False),
    ("identifier_invalid", "The identifier cannot name a person.", "Mend the address, number or account; the message says what is wrong.", 422, False),
    ("subject_id_malformed", "A subject id is 16 bytes, written as 32 hexadecimal digits.", "Pass the subject id exactly as it was returned.", 422, False),
    ("time_malformed", "A time cannot be read.", "Write RFC 3339 with the offset from UTC.", 422, False),
    ("time_in_future", "The time at which the person acted lies in the future.", "Mend the clock of the host, or leave `occurred_at` out.", 422, False),
    ("notice_required", "The act must name the notice that the person was shown.", "Pass `notice`, such as signup@3.", 422, False),
    ("purpose_required", "The act must name a purpose: a yes has no wildcard.", "Pass `purpose`.", 422, False),
    ("purpose_unknown", "The catalogue in force has no such purpose.", "Use a declared purpose, or publish a catalogue that has it.", 422, False),
    ("purpose_group_unknown", "The catalogue in force has no such group of purposes.", "Use a declared group.", 422, False),
    ("channel_unknown", "The catalogue in force has no such channel.", "Use a declared channel.", 422, False),
    ("recipient_unknown", "The catalogue in force has no such recipient.", "Use a declared recipient.", 422, False),
    ("category_unknown", "The catalogue in force has no such category of data.", "Use a declared category.", 422, False),
    ("message_class_unknown", "The catalogue in force has no such message class.", "Use a declared message class.", 422, False),
    ("notice_unknown", "The catalogue in force has no such version of a notice.", "Use a published notice.", 422, False),
    ("catalogue_missing", "No catalogue is in force, so nothing can be agreed to.", "Run `ledger catalogue publish`.", 422, False),
    ("channel_required", "The purpose is used on channels, and the grant names none.", "Pass `channel`.", 422, False),
    ("channel_not_declared", "The purpose is not declared for this channel.", "Use a channel of the purpose.", 422, False),
    ("recipient_not_declared", "The purpose is not declared for this recipient.", "Use a recipient of the purpose.", 422, False),
    ("category_not_declared", "The purpose is not declared for this category of data.", "Use a category of the purpose.", 422, False),
    ("notice_not_valid", "The notice does not cover this purpose, or is not in force yet.", "Use the notice that the person was shown for this purpose.", 422, False),
    ("idempotency_key_not_random", "Over Kafka an idempotency key is the event id and must be a random UUID.", "Use uuid.uuid4(), drawn once for each act.", 422, False),
    ("answer_unreadable", "The answer is not one that this version of the SDK can read.", "Check LEDGER_URL and the versions of SDK and API.", 502, True),
    ("refused_by_ledger", "The ledger refused with a code that this version of the SDK does not know.", "Read the detail; upgrade the SDK.", 422, False),
    # identifiers, and ids that must hold none
    # vault and secrets
    ("secret_missing", "The file of a secret cannot be read.", "Set the secret's *_FILE to it; `ledger secrets init` makes new ones, once.", 500, False),
    ("secret_malformed", "The file of a secret holds something else.", "Check that the *_FILE settings are not swapped; restore the file from its backup.", 500, False),
    ("secret_unsafe", "Others may read or change the file of a secret.", "Run chmod 600 on it.", 500, False),
    ("secret_mismatch", "A secret is not the one that this database was made with.", "Restore the named secret's file; another one makes every known person a stranger.", 500, False),
    ("vault_unreadable", "A row of the vault does not open under its own key.", "Stop; compare the vault and its key-encryption key with the backup.", 500, False),
    ("sealed_identifier_unreadable", "The sealed identifier was not sealed to this ledger and controller.", "Seal it anew with the ledger's current public key.", 422, False),
    # API keys
    ("api_key_invalid", "The API key is not one of this ledger's.", "Send `Authorization: Bearer lk_...` exactly as `ledger api-keys create` showed it.", 401, False),
    ("api_key_expired", "The API key has expired.", "Make a new one with `ledger api-keys create`.", 401, False),
    ("api_key_revoked", "The API key was revoked.", "Make a new one with `ledger api-keys create`.", 401, False),
    ("api_key_unknown", "There is no API key with this prefix.", "See `ledger api-keys list`.", 404, False),
    ("api_key_not_possible", "The API key cannot be made as asked.", "Mend its source, scopes or date as the detail says.", 422, False),
    ("controller_unknown", "There is no controller of this name.", "Run `ledger controllers create` first.", 404, False),
    ("person_untyped", "A person must be named by a typed identifier.", "Use email(), phone(), account() or subject_id() of ledger.sdk.", 422, False),
    ("loop_changed", "The ledger was first used in another event loop, which owns its connections.", "Connect once in each event loop, or use ledger.sdk.sync.", 500, False),
    ("acts_count", "An act holds too few or too many choices.", "Send at least one, and split what is more than the limit.", 422, False),
    ("idempotency_key_malformed", "The idempotency key is not usable.", "Use 1 to 255 visible ASCII characters, best uuid.uuid4().", 400, False),
    ("choice_contradicts", "One act both grants and refuses a purpose.", "Send one of the two.", 422, False),
    ("idempotency_key_reused", "The idempotency key belongs to an act with other content.", "Draw a new key for each act.", 409, False),
    # requests over HTTP
    ("api_key_missing", "The request carries no API key.", "Send `Authorization: Bearer lk_...`.", 401, False),
    ("scope_missing", "The API key lacks the scope of this route.", "Make a key with the scope that the detail names.", 403, False),
    ("route_unknown", "There is no such route.", "See docs/api.md.", 404, False),
    ("method_not_allowed", "The route does not take this method.", "Use a method that `Allow` names.", 405, False),
    ("body_malformed", "The body is no JSON document of the right form.", "Send one JSON object in UTF-8.", 400, False),
    ("body_too_large", "The body is larger than this route takes.", "Split the request.", 413, False),
    ("body_incomplete", "The body did not arrive in time, or not whole.", "Send the request again.", 408, True),
    ("field_missing", "A required field is missing.", "Add the named field.", 422, False),
    ("questions_count", "A request holds too few or too many questions.", "Ask 1 to 500 questions at a time.", 422, False),
    ("cursor_malformed", "The cursor is not one that this ledger has issued.", "Pass `next_cursor` exactly as it was returned, or leave it out.", 400, False),
    ("subject_malformed", "The subject is not named by exactly one of email, phone, account and subject_id.", "Name one.", 422, False),
    ("subject_unknown", "This controller has no such subject.", "Resolve the person, or pass the subject id exactly as it was returned.", 404, False),
    ("overloaded", "Too many requests wait already.", "Try again after the time in Retry-After.", 503, True),
    ("internal_error", "The ledger failed in a way that it does not know.", "Tell the operator the time of the request; the cause is in the API's log.", 500, False),
    # reports of the intake, and refusals that only it gives
    ("effective_too_far_ahead", "`effective_from` lies more than a year ahead.", "Record the act when it is nearer.", 422, False),
    ("seen_elsewhere", "`seen` holds no position of the part of the log that this person is in, so it counts as none.", "Pass the position with which this person's screen was loaded.", 422, False),
    ("channel_not_used", "The purpose is used on no channel, so the channel of the choices was left out for it.", "Nothing to do.", 422, False),
    ("choice_held_back", "Another yes of the same act was refused, so that of these choices only the noes were recorded.", "Mend the other choice and send the yeses again.", 422, False),
    ("purpose_needs_no_consent", "The purpose does not rest on consent, so a grant could allow nothing.", "Leave the grant out; a preference takes back an opt-out.", 422, False),
    # the fold: logs that are refused, records that are set aside
    ("log_recreated", "The partition belongs to a topic that was made anew since it was folded.", "Restore the topic or start a new generation; nothing is folded until then.", 503, False),
    ("log_truncated", "The partition lacks records that were folded or should be.", "Restore the topic from its export; nothing is folded until then.", 503, False),
    ("log_diverged", "The partition's last folded record is another one now.", "Find out who replaced the log; nothing is folded until then.", 503, False),
    ("log_foreign", "The partition does not begin with a genesis record of this controller's log.", "Check which cluster and topic the ledger reads.", 503, False),
    ("log_create_time", "The topic takes its times from producers and not from the broker.", "Set message.timestamp.type=LogAppendTime; records of before must be examined.", 503, False),
    ("position_moved", "Another worker owns the partition, or its position has moved.", "None: nothing was written, and the other worker goes on.", 409, True),
    ("position_locked", "The position rows of a partition stayed locked.", "See who holds them in pg_stat_activity; the worker tries again.", 503, True),
    ("unattributable", "The record's key names no subject.", "Find the producer by the coordinates: it may be a withdrawal that nobody can apply.", 422, False),
    ("foreign_controller", "The record names another controller than its topic's.", "Find the producer by the coordinates.", 422, False),
    ("wrong_partition", "The record lies in another partition than its key belongs to.", "The producer must partition by murmur2 over the key's bytes.", 422, False),
    ("event_not_allowed_here", "This type of event does not belong on this topic.", "Find the producer by the coordinates.", 422, False),
    ("identifier_in_field", "The record holds an address, a phone number or a personal identity number in a field of ids.", "Stop the producer; the record cannot be taken out of the log.", 422, False),
    ("conflicting_event_id", "Two records bear one event id and say different things.", "Compare the two; admit or discard the second.", 409, False),
    ("conflicting_catalogue_version", "A catalogue version was published twice with different content; the first counts.", "Publish the second under a new version.", 409, False),
    ("unsupported_origin_stamp", "The record claims the stamp of another log, which this version cannot check.", "Upgrade the ledger, then admit the record.", 422, False),
    ("record_killed_worker", "The record ended the worker each time it was read.", "Read it by its coordinates in a process of its own.", 500, False),
    ("subject_not_active", "The subject is under erasure or erased, so that nothing can be granted for it.", "Resolve the person again, and record the act under the new subject id.", 409, False),
)
