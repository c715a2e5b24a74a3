"""What API and pages share: the caller of a request, security headers, errors, uploads, how an order is shown."""
