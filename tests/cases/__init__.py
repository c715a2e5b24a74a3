"""Ways in which shops took money and delivered nothing: each has a test here that bears its name.

Some of them need something that isn't sold yet. They come with it, under these names:

Servers: an address is missing though the server is called active; image, host name, add-ons or the period are taken
from the wrong level of an order; two machines are created for one payment (`test_payment_creates_server`); a payment
that was verified once creates a second server.

Subscriptions: a period's name that form, tables and provider write differently; a cancelled plan that ends before the
days that are paid; a pack or a licence that is sold and then not honoured.

Credits and quotas: taken before the wish was looked at; a batch that failed, wholly or in part, returns nothing, or
more or less than it took; use that is counted after the work, so that parallel wishes overspend; a client that says
itself how many it has.

Commissions: a payout that is asked for twice.

Tickets: attachments that can't be read any more because what they were locked with was never kept.

Other providers than the sandbox: a field's name taken from another provider's notifications. What can be asked of the
sandbox's notifications is asked in `test_payment`.
"""
