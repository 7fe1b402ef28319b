"""Common words of each language that is told apart by words; our own lists, one string each."""

WORDS: dict[str, str] = {
    "en": """
 about after again against all also always am an and another any are as at away back be because
 been before being between big bought but buy by came can can't cancel card change close closes
 come cost costs could couldn't day days did didn't do does doesn't doing don't down during each
 every few find first for from get give go going good great had has have having he hello help her
 here him his how i i'd i'll i'm i've if into is isn't it it's its just know last let's like
 little long made make many may me might money month more most much must my name need never new
 no not number of off old on only open opens or order other our out over own paid pay phone
 please receive received return said same say see send sent she should so some still store such
 take tell than thank thanks that that's the their them then there there's these they they're
 think this those through time to today told tomorrow too took under up us very want was we we'll
 we're we've week well went were were's what what's when where which while who why will with
 won't work would year yes yesterday yet you you'll you're you've your""",
    "de": """
 aber alle alles als also am an andere anderen auch auf aus bei beim bestellung bin bis bist
 bitte da danke dann das dass dein deine dem den denn der deren des dessen die dies diese diesem
 diesen dieser dieses doch dort durch ein eine einem einen einer er es etwas euch euer euro fast
 für ganz ganze ganzen gegen gehen geht geld gemacht genau gerade gibt gleich gut guten habe
 haben hallo hat hatte hatten hier hinter ich ihm ihn ihnen ihr ihre ihren im immer ins ist ja
 jede jeder jedes jetzt kann kannst karte kein keine kommen kommt konto kostet können könnte
 könnten lange letzte letzten machen macht mal man mehr mein meine meinen mich mir mit muss
 musste möchte möchten müssen nach neue neuen nicht nichts nie noch nun nur ob oder ohne schon
 sehr sein seine seinen seit selbst sich sicher sie sind so soll sollte sollten sondern tag tage
 um und uns unser unsere unter viel viele vielen vom von vor wann war waren warum was wegen weil
 weiter welche welcher wenn wer werden wie wieder will wir wird wirklich wissen wo woche wollen
 wurde während wäre würde würden zeit zu zum zur zwei zwischen über""",
    "fr": """
 a ah ai ainsi alors après au aussi autre autres aux avait avant avec avez avoir beaucoup bien
 bonjour c'est car ce cela celle celui ces cette chaque chez commande comme comment coûte d'un
 d'une dans de depuis dernier dernière derrière des deux devant dire dit dois doit donc donne du
 dès elle elles en encore entre envoyer est et eu faire fais fait faut ferme fois font heure
 heures hier ici il ils j'ai jamais je jour jours jusqu'au jusqu'à l'article l'on la laquelle le
 lequel les leur leurs livraison lorsque lui là ma magasin maintenant mais merci mes moi moins
 mois mon même n'a n'ai n'est ne nos notre nous nouveau nouvelle on ont ou oui où par parce
 parfois partir pas pendant personne petit petite peu peut peuvent peux plaît plus plusieurs pour
 pourquoi pouvez premier prix près puis puisque qu'elle qu'est-ce qu'il quand que quel quelle
 quelles quelque quelques quels qui quoi reste rien s'il sa sans sera ses seulement si soir son
 sont sous souvent soyez suis suivant sur tard temps toi toujours tous tout toute toutes trop
 très tu un une va vais vers veuillez veut veux viens vient voici voilà voir vos votre voudrais
 vous vraiment y à était été êtes être""",
    "es": """
 ahora al algo alguien alguna algunos algún allí antes aquel aquí así aunque aún bien buenos cada
 casi cerca como con cual cuales cuando cuanto cuesta cuándo cuánta cuánto cómo dar de debe deber
 debería decir del desde después dice dijo dinero dos durante día días dónde el ella ellas ellos
 en entonces entre era eran eres es esa ese eso esos esta estaba estar estas este estos estoy
 está están favor fue fueron gracias gran ha haber había hace hacen hacer hacia hasta hay he hice
 hizo hola hoy igual ir jamás la las le les llegar llegó lo los lugar mal mañana me mejor menos
 mi mientras mis misma mismo mucha muchas mucho muchos muy más nada nadie necesito ni ninguna no
 noche nos nosotros nuestra nuestro nueva nuevo nunca o otra otras otro otros para parte pedido
 pedir pero poco por porque porqué pronto puede puedo pues que quien quieren quiero quisiera
 quién qué saber se sea según ser si sido siempre sin sino sobre solo son soy su sus suya sólo
 tal también tampoco tan tanto te tener tengo tenía tiempo tienda tiene tienen tienes toda todas
 todavía todo todos tras tu tus un una unas unos usted ustedes varios veces ver vez voy y ya yo
 él""",
    "it": """
 abbia abbiamo adesso agli ai al alcuni alla alle allo allora altra altre altri altro anche
 ancora anni anno appena arrivare avere avete aveva avuto bene bisogno buona buongiorno buono
 casa certo che chi chiunque ci ciao ciascuno cioè col come con contro cosa costa così cui da
 dagli dai dal dalla dalle davanti davvero degli dei del della delle dello dentro deve devo di
 dire dopo dov'è dove due durante e ecco ed era erano essere fa fare fatto fine fino fra fu gente
 giorni giorno già gli grande grazie gruppo ha hai hanno ho i ieri il in infatti inoltre invece
 io la le lei li lo loro lui lungo ma mai male meglio meno mentre mesi mi mia mie miei mila mio
 modo molta molti molto negozio nei nel nella nelle nello nessun nessuno niente noi nome non
 nostra nostro notte nulla nuova nuovo o oggi ogni oppure ora ordine ore ormai ottenere ovvero
 parte per perché persone però piccola piccolo più po' poi possa possibile posso possono potete
 prego prima primo proprio prossimo può qua qualche qualcosa quale quali quando quanto quasi
 quella quelle quelli quello questa questi questo qui quindi resta sarebbe sarà se sei sembra
 sempre senza si sia siamo siete solo soltanto sono sopra sotto sta stata stati stato stesso sua
 sue sul sulla suo suoi tanto te tempo ti tra troppo tu tua tuo tuoi tutta tutte tutti tutto un
 un' una uno va verso vi via voi volta volte vorrei vostra vostro è""",
    "pt": """
 a agora ainda algo algum alguma alguns alguém ali amanhã amigo antes ao aos apenas após aquela
 aquele aqui as assim através atrás até bem bom cada casa cedo certo chegar chegou coisa com como
 contra cujo custa da daquele das de debaixo dela dele deles demais depois desde dessa desse
 desta deste deve devem devia dia dias dinheiro disse diz dizer do dois dos duas durante dá e ela
 elas ele eles em encomenda entanto entre então envio era essa esse esses esta estar estas estava
 este estes estou está estão eu favor faz fazer feito fez fica ficar fim foi fora foram gostaria
 grande hoje hora horas há isso isto já la lhe lhes logo loja longe lugar lá maior mais mal mas
 me melhor menos meses mesma mesmo meu meus mim minha muita muitas muito muitos mês na nada nas
 nem nenhum nenhuma nessa nesse nesta neste ninguém no noite nos nossa nosso nova novo num numa
 nunca não nós o obrigada obrigado obter olá onde ontem os ou outra outras outro outros para
 parte pedido pela pelas pelo pelos pequeno per perto pode podem poderia pois ponto por porque
 posso pouco preciso primeiro próximo quais qual qualquer quando quanto quantos que quem quer
 querem quero quê se segundo sei seja sem sempre sendo ser será seu seus si sido sim sob sobre
 somente sou sua suas são só tal talvez também tanta tanto te tem tenha tenho ter teu teve tinha
 tive toda todas todo todos três tu tudo tão um uma umas uns vai vamos vem ver vez vezes você
 vocês vos vão à é última último""",
    "nl": """
 aan al alle alleen alles als alstublieft altijd andere anders bedankt ben bent bestelling beter
 bij binnen boven buiten daar daarna daarom dag dagen dan dank dat de deed derde deze dezelfde
 dicht die dit doen doet door drie dus echt een eens eerste elk elke en enkel er ergens euro gaan
 gaat geef geen geld geleden geven gewoon goed goede goedemorgen graag groot haar had hadden
 hallo heb hebben heeft hele hem hen het hier hij hoe hoeveel hun ieder iedereen iets ik in
 inderdaad is ja jaar jij jou jouw juist jullie kan keer klein kom komen komt kon konden kost
 kosten kreeg krijg krijgen krijgt kunnen laat laatste lang later maak maakt maand maar maken me
 meer meest men mensen met mij mijn moest moet moeten mogelijk mogen na naar naast niemand niet
 niets nieuw nieuwe nodig nog nooit nou nu of om omdat onder ons onze ooit ook op open opnieuw
 over pas per plaats samen sinds slechts snel snelle soms staat steeds straks te tegen terug tijd
 toch toen tot totdat tussen twee u uit uur uw vaak van veel vind volgende volgens voor vooral
 vraag vragen waar waarin waarom wanneer want waren was wat we week weet weg weinig weken wel
 welke werd werk weten wie wij wil wilde wilt winkel worden wordt zal ze zeer zeg zegt zelf zich
 zie zien zij zijn zo zoals zonder zou zulke zullen""",
    "pl": """
 aby albo ale ani aż bardziej bardzo bez blisko bo być był była były będzie będą cała całe cały
 chce chciałabym chciałbym chcę choć ci co coś czego czy czyli często dalej dla dlaczego dlatego
 dni dnia do dobra dobry dobrze dokąd dopiero dostawa dość dwa dwie dwóch dzień dzisiaj dziękuję
 dziś gdy gdyż gdzie i ich ile im inne inny innych jak jaka jaki jakie jakiś jeden jedna jednak
 jedno jego jej jest jestem jeszcze jeśli jeżeli jutro już każda każdy kiedy kiedyś kilka kogo
 kosztuje kto ktoś która które którego której który których którym którzy lat lecz liczba lub
 ludzi ma mają mam mamy masz mi miał miała mimo między mnie mną mogę moich moim moja moje może
 można musi muszę my mój na nad nadal najbardziej nam nami nas nic nich nie niech nigdy nim niż
 nowa nowe nowy o oba od on ona one oni ono oraz oto pan pana pani panu pieniądze po pod podczas
 ponieważ potem powiedzieć powinien powinna poza prawie proszę przed przede przez przy raz razy
 rok również sam sama się sklep skąd sobie swoje szybko są ta tak taka taki takie tam te tego tej
 ten teraz też to tobie trzeba tu tutaj twoja twój ty tych tylko tym u w wam was wasz we według
 wiele wielu więc więcej wszystkie wszystko wtedy wy z za zamówienie zanim zaraz zawsze ze został
 że żeby""",
    "sv": """
 aldrig alla allt alltid andra annan annat att av bara barn behöva behöver beställning blev bli
 blir blivit bra bättre dag dagar de del dem den denna deras dess dessa dessutom det detta dig
 din dina ditt dock du där därför då efter eftersom ej eller en endast ens er era ert ett fick
 finns fler flera fram från få får fått för före först första gamla ganska genom ger ges gick
 gjort god goda gång gånger gör göra ha hade han hans har hej hela hem henne hennes hitta hjälp
 honom hur här håller i ibland icke idag igen imorgon ingen inget innan inne inom inte ja jag ju
 kan kanske kom komma kommer kommit kortet kostar kr kronor kunde kväll lika lite längre lång man
 med medan mellan men mer mest mig min mina mitt mot mycket människor många måste namn natt ned
 nej ni nu nya när nästa någon något några nödvändigt och också om oss pengar på redan rätt samma
 samt se sedan senare sidan sig sin sina sist sitt själv ska skall skicka skriva skulle snabb
 snabba snälla som stor stora ställe står säga säger sätt så sådan ta tack tar tid till tillbaka
 tills två under upp ut utan vad valt var vara varför varit varje vart vecka veckor vem vet vi
 vid vilka vilken vilket vill väl vår våra än ännu är år åt öppet över""",
    "da": """
 af aldrig alene alle allerede alt altid anden andet andre at bag bedre bedst begge bestilling
 blev blevet bliver blot bort burde både da dag dage de del dem den denne der deres derfor det
 dette dig din dine disse dit dog du efter ej eller en end endnu ene eneste enhver er et fem fik
 finde findes flere fleste for fordi forrige fra fremad få får først første gang gange gennem
 gerne giver god godt går gør gøre ham han hans har havde have hej hele hen hende hendes her
 hjælp hos hun hurtig hurtige hvad hvem hver hvert hvilke hvilken hvis hvor hvordan hvorfor
 hvornår i igen ikke imod ind inde inden ingen intet ja jeg jer jeres jo kan kom komme kommer
 kommet kort koster kroner kun kunne lad langs lave lidt lige ligesom lille lukker længere man
 mange med meget mellem men mens mere mest mig min mindre mine mit mod må måske ned nej nogen
 noget nogle nok nu nummer ny nye når nær næste næsten og også om omkring op os over penge på
 sagde samme samt se sende siden sidste sig sige siger sin sine sit skal skulle snart som stadig
 stor store står så sådan tage tager tak takket tid til tilbage to ud uden uge uger under var ved
 vej venligst vi vide vil ville virkelig vist vore vores være været åben åbent år ønsker""",
    "cs": """
 a aby ale ani ano asi ačkoli až bez bude budou bych byl byla byli bylo být chci chtěl co což
 další den dne dnes dnů do dobrý dobře docela dva dvakrát dvě dál děkuji ho hodně i ihned jak
 jakou jaké jaký jde je jeden jedna jedno jednou jeho jejich její jen jenom ještě ji jich jim
 jiné jiný již jsem jsi jsme jsou jste já k kam kde kdo kdy když ke kolem kolik kterou která
 které který kteří ku lety lze mají mezi mi mnoho mnou moc mohl mohou mohu moje mou mu musí musím
 my má málo mám máte mít mě měl měla můj může můžete můžu na nad naše ne nebo nebyl není než ni
 nic nich nikdo nikdy nová nové nový nám námi nás náš něco nějak někdo někdy o obchod objednávka
 objednávku od ode on ona oni ono pak peníze po pod podle pokud potom pouze pro prostě prosím
 proti proto protože proč první před přes přesto při příliš příští rok rychlou s se si sice skoro
 stojí stále svou své svým svůj sám ta tady tak také takže tam tato tedy ten tento teď ti to tobě
 tohle toho tom tomto tomu toto tou tu tuto tvůj ty tyto té tím těch u už v vaše ve vedle velmi
 vy vám vás váš více však všechno všechny všichni z za zatím zda zde ze zpět zrušte zítra či říci
 říct že""",
    "tr": """
 acaba adet ama artık asla aslında aynı ayrıca az açık bana bazen bazı belki ben beni benim bir
 biri birkaç birlikte birçok biz bizim bu bugün buna bunda bundan bunlar bunu bunun burada böyle
 bütün da daha dahi de değil diye dolayı dün eden eder ederim edilen ediyor elbette en etmek
 etmesi etti evet eğer fakat gece gerek gerekiyor gibi göre gün günü hala halen hangi hangisi
 hatta hayır hem henüz hep hepsi her herhangi herkes hiç hızlı iki ile ilgili ise istedim
 istiyorum itibaren iyi için içinde işte kadar karşı kaç kendi kez kim kimse küçük lütfen madem
 mavi merhaba mi misiniz mu mü mı mısınız nasıl ne neden nedir nerede nereye niye niçin o olan
 olarak oldu olduğu olmadığını olmak olması olsa olup olur on ona onlar onu onun orada oysa para
 pek rağmen sadece sana sanki sen seni sipariş siparişim siz size sizi sizin sonra söyle
 söyleyebilir ta tarafından tek teşekkür teşekkürler tüm var vardı ve veya ya yani yapmak yaptı
 yardım yeni yerine yine yok yoksa yüzden zaman zaten çok çoğu çünkü önce öyle ücreti üzere şey
 şeyler şimdi şu şunu şöyle""",
}
