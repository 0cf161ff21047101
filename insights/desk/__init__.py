"""The page *Insights*: what works, what it costs.

advice  what somebody should do, first of all
chart   bars as SVG, drawn on the server; whoever cannot see it has the table beside
table   what a chart is drawn from, for people, and as CSV for their spreadsheets
"""
