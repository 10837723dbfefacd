"""Ask as an institution, read the answer. python independent_client.py CREDENTIALS REGISTRY_URL PERSON PROVIDER"""

import json, sys, time, uuid  # noqa: E401, I001 - short enough to show on a page
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient, record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

path, registry_url, person, provider = sys.argv[1:]
my = json.load(open(path, encoding="utf-8"))  # noqa: SIM115
kafka = {"bootstrap.servers": my["bootstrap"], "security.protocol": my["security_protocol"]}
kafka |= {"sasl.mechanism": my["sasl_mechanism"], "sasl.username": my["user"], "sasl.password": my["password"]}
registry, place = SchemaRegistryClient({"url": registry_url}), SerializationContext(my["requests"], MessageField.VALUE)
by_name = {"auto.register.schemas": False, "subject.name.strategy": record_subject_name_strategy}
schema = registry.get_latest_version("jp.chukan.InquiryRequested").schema
to_bytes, to_dict = AvroSerializer(registry, schema, conf=by_name), AvroDeserializer(registry)
asked = {"record_identification_number": uuid.uuid4().hex, "requested_at": time.strftime("%Y%m%d%H%M%S000")}
asked |= {"inquirer_institution_code": my["institution_code"], "inquirer_department_code": "KENKO"}
asked |= {"inquirer_operator_id": "OP001", "integrated_number": person, "affair_code": "JM01000000016002"}
asked |= {"procedure_code": "JT99000000000001"}  # vaccinations of somebody who moved in
asked |= {"kinds": [{"provider_institution_code": provider, "spi_name_code": "TM99000000000001"}]}
producer = Producer(kafka | {"enable.idempotence": True})
producer.produce(my["requests"], to_bytes(asked, place), asked["record_identification_number"])
replies, answer, until = Consumer(kafka | {"group.id": my["group"]}), None, time.monotonic() + 30
replies.assign([TopicPartition(my["replies"], 0, OFFSET_BEGINNING)])
while answer is None and producer.flush(20) == 0 and time.monotonic() < until:
    if (message := replies.poll(1.0)) and message.key() == asked["record_identification_number"].encode():
        answer = next(iter(to_dict(message.value(), place).get("kinds", [])), None)  # other replies have no kinds
replies.close()
if sealed := (answer or sys.exit("no answer within 30 s")).pop("sealed_answer"):
    mine = X25519PrivateKey.from_private_bytes(bytes.fromhex(my["sealing_private_key"]))
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)  # 3 bytes head, 80 wrapped key, 12 nonce, the rest
    key = suite.decrypt(sealed[3:83], mine, b"chukan provided information 1\n")
    exchange = f"{my['institution_code']}-{answer['transaction_serial_number']}".encode()
    padded = AESGCM(key).decrypt(sealed[83:95], sealed[95:], exchange)
    answer |= to_dict(padded[4 : 4 + int.from_bytes(padded[:4], "big")], place)
print(json.dumps(answer, ensure_ascii=False, default=bytes.hex))
