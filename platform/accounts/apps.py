"""The people of a tenant."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users live with their tenant and nowhere else."""

    name = "accounts"
    atoll_home = "tenant"

    def ready(self) -> None:
        """Let mails have the links that are made when they are written; register the checks."""
        from accounts import checks
        from accounts.services import addresses, invitations, password_links
        from tenants.mail import register_link

        register_link(addresses.LINK_KIND, addresses.make_address_link)
        register_link(password_links.LINK_KIND, password_links.make_reset_link)
        register_link(invitations.LINK_KIND, invitations.make_invitation_link)
        checks.register()
