"""Keys of an identity provider."""

from pydantic import Field, SecretStr, StrictBool

from proxy.configuration.base import Keys
from proxy.configuration.values import Authority, SignatureAlgorithms, Switch, Texts, Url
from proxy.model.provider import PASSWORD, ClientAuthentication, Protocol, ResponseMode


class ClaimKeys(Keys):
    """Which claim carries what; the first that a token has counts."""

    upn: Texts | None = Field(None, description="Claims that carry the user principal name.")
    sid: Texts | None = Field(None, description="Claims that carry the primary SID.")
    name: Texts | None = Field(None, description="Claims that carry the display name.")
    email: Texts | None = Field(None, description="Claims that carry the e-mail address.")
    groups: Texts | None = Field(None, description="Claims that carry groups.")
    roles: Texts | None = Field(None, description="Claims that carry roles.")


class ProviderKeys(Keys):
    """One identity provider."""

    name: str = Field("default", min_length=1, description="Part of a principal's key; keep it once people signed in.")
    protocol: Protocol = Field(description="oidc or ws-federation.")
    issuer: Url | None = Field(
        None,
        description="OpenID Connect: exactly the issuer of the discovery document, such as https://adfs.contoso.com/adfs.",
    )
    client_id: str | None = Field(None, min_length=1, description="OpenID Connect: our client identifier.")
    client_secret: SecretStr | None = Field(None, min_length=1, description="OpenID Connect: our client secret.")
    client_authentication: ClientAuthentication = Field(
        ClientAuthentication.SECRET_POST, description="How we authenticate at the token endpoint."
    )
    resource: str | None = Field(None, description="AD FS: the relying party identifier to ask an access token for.")
    scopes: Texts = Field(["openid"], description="Scopes to ask for; openid is always asked for.")
    response_mode: ResponseMode = Field(ResponseMode.QUERY, description="query or form_post.")
    claims: ClaimKeys = Field(ClaimKeys(), description="Which claims carry what.")
    token_lifetime: int = Field(60, ge=1, description="Minutes a session lasts where the provider states no end.")
    maximum_token_lifetime: int = Field(1440, ge=1, description="Minutes; a token that lives longer is refused.")
    leeway: float = Field(60, ge=0, le=300, description="Seconds that clocks may differ when tokens are judged.")
    windows_counts_as_credentials: bool = Field(
        False, description="Whether Integrated Windows Authentication satisfies a request for credentials."
    )
    counts_as_credentials: dict[str, StrictBool] = Field(
        {}, description="Authentication methods that count as credentials or do not; unstated: no method in the token."
    )
    max_age: Switch = Field("on", description="OpenID Connect: ask for credentials with max_age=0 beside prompt=login.")
    metadata: str | None = Field(None, description="WS-Federation: URL or file of the federation metadata.")
    realm: str | None = Field(None, description="WS-Federation: our wtrealm.")
    home_realm: str | None = Field(None, description="WS-Federation: whr.")
    wauth: str = Field(PASSWORD, description="WS-Federation: the method asked for when credentials are owed.")
    wreply: Url | None = Field(None, description="WS-Federation: wreply where it is not our own address.")
    decryption_keys: Texts = Field([], description="WS-Federation: PEM files of private keys with certificates.")
    allow_sha1: bool = Field(False, description="WS-Federation: accept rsa-sha1 signatures.")
    sign_in_host: Authority | None = Field(None, description="One host for all organizations' sign-in responses.")
    id_token_algorithms: SignatureAlgorithms = Field(
        [],
        description="OpenID Connect: what id and logout tokens are signed with (id_token_signed_response_alg); "
        "RS256 unless written.",
    )
    trust_unverified_email: bool | None = Field(
        None, description="OpenID Connect: addresses count where the provider does not state email_verified."
    )
    refresh: Switch = Field("off", description="OpenID Connect: renew sessions silently with refresh tokens.")
