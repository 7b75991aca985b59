-- Refuses whatever stood for this partition of a topic whose log is another one now. Returns how many rows.
with refused as (
    update position
    set refused = $3, owner = null
    where topic = $1 and partition = $2
    returning 1
)

select count(*) from refused;
