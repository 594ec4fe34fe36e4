"""Brings the page's script into the application's pages: HTML documents, and CRM's `ClientGlobalContext.js.aspx`.

Owns what of an answer is changed for that, byte by byte, and which fields of its head follow from it. Leaves which
requests are meant to `policy.placement`, sending and framing to the gateway, which knows all this as
`gateway.ports.AnswerTransform`, and the script itself to whoever serves `session-watch.js`. Everything that is no
document passes untouched.

    transform  which answer becomes which other one; where callers start
    headers    the fields of the request and of the answer: validators, ranges, lengths
    csp        Content-Security-Policy with the script let in
    coding     gzip and deflate, off and on again
    document   an HTML document with the script's tag
    markup     its tokens
    script     the global context with the loader
    unreached  pages that the script does not reach, in the log
"""

from proxy.browser.injection.transform import Injection

__all__ = ["Injection"]
