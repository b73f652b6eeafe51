"""API Management: its resources below ARM, and the configuration API that gateways poll."""
