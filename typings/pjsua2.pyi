# The names of pjsua2 that media/worker uses; camelCase stops there.
from collections.abc import Iterator
from typing import Any

PJMEDIA_FILE_NO_LOOP: int
PJMEDIA_TYPE_AUDIO: int
PJSIP_TRANSPORT_UDP: int
PJSIP_EVENT_TSX_STATE: int
PJSIP_INV_STATE_CONFIRMED: int
PJSIP_INV_STATE_CONNECTING: int
PJSIP_INV_STATE_DISCONNECTED: int
PJSIP_INV_STATE_EARLY: int
PJSIP_ROLE_UAC: int
PJSIP_REDIRECT_STOP: int
PJSUA_CALL_MEDIA_ACTIVE: int
PJSUA_CALL_MEDIA_REMOTE_HOLD: int
PJSUA_CALL_MEDIA_LOCAL_HOLD: int
PJSUA_CALL_UNHOLD: int
PJMEDIA_SRTP_DISABLED: int
PJSUA_DTMF_METHOD_RFC2833: int
PJSUA_DTMF_METHOD_SIP_INFO: int
PJMEDIA_DIR_DECODING: int
PJMEDIA_DIR_ENCODING: int

class Error(Exception):
    status: int
    reason: str
    def info(self, multi_line: bool = ...) -> str: ...

class SipHeader:
    hName: str
    hValue: str

class SipHeaderVector:
    def append(self, header: SipHeader) -> None: ...

class SipTxOption:
    headers: SipHeaderVector
    targetUri: str
    localUri: str

class CallSetting:
    flag: int
    audioCount: int
    videoCount: int

class CallOpParam:
    statusCode: int
    reason: str
    opt: CallSetting
    txOption: SipTxOption
    def __init__(self, use_default_setting: bool = ...) -> None: ...

class CallSendDtmfParam:
    method: int
    duration: int
    digits: str

class CallMediaInfo:
    index: int
    type: int
    dir: int
    status: int
    audioConfSlot: int

class CallMediaInfoVector:
    def __iter__(self) -> Iterator[CallMediaInfo]: ...

class CallInfo:
    role: int
    state: int
    stateText: str
    lastStatusCode: int
    lastReason: str
    callIdString: str
    remoteContact: str
    media: CallMediaInfoVector
    setting: CallSetting

class LossType: ...

class RtcpJitter:
    last: int
    mean: int
    max: int

class RtcpStreamStat:
    pkt: int
    loss: int
    discard: int
    jitterUsec: RtcpJitter

class RtcpStat:
    rxStat: RtcpStreamStat
    txStat: RtcpStreamStat
    rttUsec: RtcpJitter

class StreamStat:
    rtcp: RtcpStat

class StreamInfo:
    codecName: str
    codecClockRate: int
    remoteRtpAddress: str

class SipRxData:
    info: str
    wholeMsg: str
    srcAddress: str

class OnIncomingCallParam:
    callId: int
    rdata: SipRxData

class OnRegStateParam:
    status: int
    code: int
    reason: str
    expiration: int

class OnCallStateParam:
    e: SipEvent

class OnCallTsxStateParam:
    e: SipEvent

class OnCallMediaStateParam: ...

class OnDtmfDigitParam:
    method: int
    digit: str

class OnCallTransferRequestParam:
    statusCode: int

class OnCallTransferStatusParam:
    statusCode: int
    reason: str
    finalNotify: bool
    cont: bool

class OnCallReplaceRequestParam:
    statusCode: int
    reason: str

class OnStreamDestroyedParam:
    streamIdx: int

class SipTransaction:
    method: str
    statusCode: int
    statusText: str
    role: int
    state: int

class SipTxData:
    wholeMsg: str

class TsxStateEventSrc:
    rdata: SipRxData
    tdata: SipTxData

class TsxStateEvent:
    src: TsxStateEventSrc
    tsx: SipTransaction

class SipEventBody:
    tsxState: TsxStateEvent

class SipEvent:
    type: int
    body: SipEventBody

class OnCallRedirectedParam:
    targetUri: str
    e: SipEvent

class OnSelectAccountParam:
    rdata: SipRxData
    accountIndex: int

class AudioMedia:
    def startTransmit(self, sink: AudioMedia) -> None: ...
    def stopTransmit(self, sink: AudioMedia) -> None: ...
    def getPortId(self) -> int: ...

class AudioMediaPlayerInfo:
    sizeBytes: int
    sizeSamples: int

class AudioMediaPlayer(AudioMedia):
    def createPlayer(self, file_name: str, options: int = ...) -> None: ...
    def getInfo(self) -> AudioMediaPlayerInfo: ...
    def getPos(self) -> int: ...
    def setPos(self, samples: int) -> None: ...

class AudioMediaRecorder(AudioMedia):
    def createRecorder(self, file_name: str, enc_type: int = ..., max_size: int = ..., options: int = ...) -> None: ...

class Call:
    def __init__(self, account: Account, call_id: int = ...) -> None: ...
    def answer(self, prm: CallOpParam) -> None: ...
    def hangup(self, prm: CallOpParam) -> None: ...
    def makeCall(self, dst_uri: str, prm: CallOpParam) -> None: ...
    def setHold(self, prm: CallOpParam) -> None: ...
    def reinvite(self, prm: CallOpParam) -> None: ...
    def sendDtmf(self, prm: CallSendDtmfParam) -> None: ...
    def xfer(self, dest: str, prm: CallOpParam) -> None: ...
    def getInfo(self) -> CallInfo: ...
    def getId(self) -> int: ...
    def getAudioMedia(self, index: int) -> AudioMedia: ...
    def getStreamInfo(self, index: int) -> StreamInfo: ...
    def getStreamStat(self, index: int) -> StreamStat: ...
    def isActive(self) -> bool: ...

class AccountSipConfig:
    authCreds: Any
    proxies: Any
    contactForced: str
    transportId: int

class AccountRegConfig:
    registrarUri: str
    registerOnAdd: bool
    timeoutSec: int
    retryIntervalSec: int
    firstRetryIntervalSec: int
    randomRetryIntervalSec: int
    delayBeforeRefreshSec: int
    dropCallsOnFail: bool
    proxyUse: int

class AccountNatConfig:
    contactRewriteUse: int
    viaRewriteUse: int
    sdpNatRewriteUse: int
    sipOutboundUse: int
    udpKaIntervalSec: int

class AccountMediaConfig:
    transportConfig: TransportConfig
    srtpUse: int
    lockCodecEnabled: bool
    streamKaEnabled: bool

class AccountCallConfig:
    timerUse: int

class AccountConfig:
    idUri: str
    sipConfig: AccountSipConfig
    regConfig: AccountRegConfig
    natConfig: AccountNatConfig
    mediaConfig: AccountMediaConfig
    callConfig: AccountCallConfig

class AuthCredInfo:
    def __init__(self, scheme: str, realm: str, username: str, data_type: int, data: str) -> None: ...

class Account:
    def create(self, cfg: AccountConfig, make_default: bool = ...) -> None: ...
    def getId(self) -> int: ...
    def setRegistration(self, renew: bool) -> None: ...

class TransportConfig:
    port: int
    portRange: int
    boundAddress: str
    publicAddress: str

class UaConfig:
    threadCnt: int
    mainThreadOnly: bool
    maxCalls: int
    userAgent: str

class MediaConfig:
    hasIoqueue: bool
    threadCnt: int
    noVad: bool
    sndAutoCloseTime: int
    ecTailLen: int
    clockRate: int
    sndClockRate: int
    audioFramePtime: int
    ptime: int
    jbMax: int

class LogConfig:
    level: int
    consoleLevel: int
    msgLogging: int

class EpConfig:
    uaConfig: UaConfig
    medConfig: MediaConfig
    logConfig: LogConfig

class CodecInfo:
    codecId: str

class AudDevManager:
    def setNullDev(self) -> None: ...
    def setNoDev(self) -> object: ...

class Version:
    full: str

class Endpoint:
    def libCreate(self) -> None: ...
    def libInit(self, cfg: EpConfig) -> None: ...
    def libStart(self) -> None: ...
    def libDestroy(self, flags: int = ...) -> None: ...
    def libHandleEvents(self, msec: int) -> int: ...
    def libVersion(self) -> Version: ...
    def hangupAllCalls(self) -> None: ...
    def audDevManager(self) -> AudDevManager: ...
    def codecEnum2(self) -> list[CodecInfo]: ...
    def codecSetPriority(self, codec_id: str, priority: int) -> None: ...
    def transportCreate(self, type: int, cfg: TransportConfig) -> int: ...
