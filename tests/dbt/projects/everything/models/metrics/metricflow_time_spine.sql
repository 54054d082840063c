{{ config(materialized='table') }}
select cast('2026-11-01' as date) as date_day
union all select cast('2026-11-02' as date)
union all select cast('2026-11-03' as date)
