/// A small generator with a seed, so that a failure can be repeated (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Texts that meet every rule of splitting and normalizing often.
enum RandomText {
  private static let pools: [[Unicode.Scalar]] = [
    "abcdefghijklmnopqrstuvwxyz", "ABCXYZ", "'s'S'\u{17F}'ll'LL're'VE'd'm't", "0123456789", "٠١٢५६Ⅷ½²", "   \t",
    "\n\r\n\u{B}\u{C}\u{85}\u{2028}\u{A0}\u{3000}\u{2003}", "!?.,;:-_()[]{}<>|/\\@#$%^&*+=~", "éèñüÅÄÖß",
    "\u{301}\u{300}\u{327}\u{323}\u{308}\u{345}\u{5B0}\u{3099}\u{93C}\u{334}", "日本語漢字かなカナがぎ",
    "한국어각힣\u{1100}\u{1161}\u{11A8}", "мирПривет", "مرحبا", "नमस्तेक़", "👩\u{200D}👧🇫🇷👍🏽",
    "\u{212B}\u{2126}\u{212A}\u{FB01}\u{F900}\u{958}\u{344}\u{340}\u{1E9B}\u{323}", "<|im_end|><think>",
  ].map { Array($0.unicodeScalars) }

  static func text(_ generator: inout SeededGenerator, anyScalar: Bool = false) -> String {
    var text = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 1...14, using: &generator) {
      if anyScalar, Bool.random(using: &generator) {
        if let scalar = Unicode.Scalar(UInt32.random(in: 1..<0x11_0000, using: &generator)) { text.append(scalar) }
        continue
      }
      let pool = pools[Int.random(in: 0..<pools.count, using: &generator)]
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        if let scalar = pool.randomElement(using: &generator) { text.append(scalar) }
      }
    }
    return String(text)
  }

  /// Such a text with bytes changed, so that it is often no UTF-8.
  static func bytes(_ generator: inout SeededGenerator) -> [UInt8] {
    var bytes = Array(text(&generator, anyScalar: true).utf8)
    for _ in 0..<Int.random(in: 0...4, using: &generator) where !bytes.isEmpty {
      bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: .min ... .max, using: &generator)
    }
    return bytes
  }
}
