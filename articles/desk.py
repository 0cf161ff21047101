from django.contrib.admin import AdminSite


class Desk(AdminSite):
    site_header = site_title = "Galley"
    index_title = "What needs me?"
