select * from {{ ref('revenue') }} where euros < 0
