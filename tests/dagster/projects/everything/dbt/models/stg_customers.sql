select id, upper(region) as region from {{ source('shop', 'customers') }}
